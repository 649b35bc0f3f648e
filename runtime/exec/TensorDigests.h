// Digests of the target's tensors, joined from what units wrote in any order.
#pragma once

#include "runtime/codec/Digest.h"
#include "runtime/exec/Program.h"

#include <mutex>
#include <span>

namespace recast::exec {

/// What a unit adds to the digest of a tensor: the sum over `bytes` of its bytes.
struct DigestPiece {
  uint32_t tensor = 0; ///< Index into Program::tensors.
  uint64_t bytes = 0;
  codec::Digest digest;
};

/// One piece per tensor, in their order.
void joinPieces(std::vector<DigestPiece> &pieces);

class TensorDigests {
public:
  explicit TensorDigests(const Program &program) : sums_(program.tensors.size()) {}

  /// Thread-safe.
  void add(std::span<const DigestPiece> pieces);
  /// Code::Internal unless every byte of every tensor was added once.
  Status checkComplete(const Program &program) const;
  const codec::Digest &operator[](size_t tensor) const { return sums_[tensor].digest; }

  static uint64_t memory(const Program &program) { return program.tensors.size() * sizeof(Sum); }

private:
  struct Sum {
    uint64_t bytes = 0;
    codec::Digest digest;
  };
  std::vector<Sum> sums_;
  std::mutex mutex_;
};

} // namespace recast::exec
