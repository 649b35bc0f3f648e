// Moves bytes as an expert would write it by hand for one machine: see bench_mover --help.
#pragma once

#include "bench/MoverWork.h"
#include "runtime/codec/Crc32.h"
#include "runtime/codec/Xxh3.h"

#include <atomic>
#include <memory>

namespace recast::bench {

/// What one thread does.
class Mover {
public:
  Mover(Work &work, const std::string &folder, bool digests);
  ~Mover();

  /// Takes items until there are none left.
  void run(std::atomic<size_t> &next);
  /// Of what this thread moved, by tensor; empty without digests.
  const std::vector<codec::Digest> &digests() const { return sums_; }

private:
  int source(uint32_t index);
  void move(Item &item);
  void copy(Item &item, Piece &piece, int out);
  static void write(int out, uint64_t offset, const void *data, size_t size);
  void closeExtent(Item &item);
  /// CRCs into the literals, then the literals into the file: the header comes last.
  void finish(Item &item, int out);

  Work &work_;
  const std::string &folder_;
  const bool digests_;
  std::unique_ptr<std::byte[]> buffer_;
  std::vector<codec::Digest> sums_;
  std::vector<int> fds_;
  codec::Xxh3Stream hash_;
  codec::Crc32Combiner combiner_;
  uint64_t begin_ = 0, end_ = 0; ///< Of the extent that is open.
  bool covered_ = false;
};

} // namespace recast::bench
