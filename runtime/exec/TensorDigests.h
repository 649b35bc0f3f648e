// What is known of the target's tensors while they are written: how much of each is there, and its
// digest, joined from what units wrote in any order.
#pragma once

#include "runtime/codec/Digest.h"
#include "runtime/exec/Program.h"

#include <mutex>
#include <span>

namespace recast::exec {

/// What a unit wrote of a tensor: `bytes` of its bytes, and the sum over them where digests are
/// wanted.
struct DigestPiece {
  uint32_t tensor = 0; ///< Index into Program::tensors.
  uint64_t bytes = 0;
  codec::Digest digest;
};

/// One piece per tensor, in their order.
void joinPieces(std::vector<DigestPiece> &pieces);

class TensorDigests {
public:
  /// `ready` is called for each tensor once all of it was added, one at a time. With `digests`,
  /// pieces have sums.
  using Ready = std::function<void(uint32_t tensor, std::optional<codec::Digest> digest)>;
  TensorDigests(const Program &program, bool digests, Ready ready);

  bool digests() const { return digests_; }
  /// Of the tensors that have no bytes: to be called before the first add().
  void reportEmpty();
  /// Thread-safe.
  void add(std::span<const DigestPiece> pieces);
  /// Code::Internal unless every byte of every tensor was added once.
  Status checkComplete() const;
  const codec::Digest &operator[](size_t tensor) const { return sums_[tensor].digest; }

  static uint64_t memory(const Program &program) { return program.tensors.size() * sizeof(Sum); }

private:
  struct Sum {
    uint64_t bytes = 0;
    codec::Digest digest;
  };
  void report(uint32_t tensor);

  const Program &program_;
  bool digests_;
  Ready ready_;
  std::vector<Sum> sums_;
  std::mutex mutex_, readyMutex_;
};

} // namespace recast::exec
