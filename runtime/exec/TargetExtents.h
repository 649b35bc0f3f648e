// What is known of the bytes written to each target file: hashes for the manifest, checksums for
// the places that a format wants patched, and whether every byte was written once.
#pragma once

#include "runtime/exec/Schedule.h"

#include <functional>
#include <mutex>
#include <span>

namespace recast::exec {

/// A contiguous written range. Its bounds depend on the program only, so that manifests of equal
/// outputs are equal.
struct Extent {
  uint64_t offset = 0, length = 0;
  uint64_t xxh3 = 0;
  uint32_t crc32 = 0; ///< Only where a patch covers the range.
};

/// Literals of a file up to this many bytes may be in memory once per worker.
inline constexpr size_t kSmallLiterals = size_t{64} << 10;

struct PlacedExtent {
  uint32_t target = 0;
  Extent extent;
};

/// Bytes that were written in an order in which they could not be hashed.
struct UnhashedBytes {
  uint32_t target = 0;
  uint64_t bytes = 0;
};

class TargetExtents {
public:
  TargetExtents(const Program &program, const Schedule &schedule);

  /// An extent that begins at `offset` may not go beyond `end`; `needsCrc`: a patch covers it.
  struct Limit {
    uint64_t end = 0;
    bool needsCrc = false;
  };
  Limit limitAt(uint32_t target, uint64_t offset) const;

  /// How finish() gets at a file. `read` puts bytes into `buffer`.
  struct Access {
    std::function<Status(uint64_t offset, std::string_view bytes)> write;
    std::function<Status(uint64_t offset, size_t size)> read;
    std::span<const std::byte> buffer;
  };

  /// Records what a unit wrote; targets whose last task output this was go to `complete`. Each
  /// target is reported once, to one caller, who then calls finish(). Thread-safe.
  void add(std::span<const PlacedExtent> extents, std::span<const UnhashedBytes> unhashed,
           std::vector<uint32_t> &complete);

  /// Asks for the literals of a target, patches them and has them written. What was written without
  /// a hash is read back, in extents of at most kUnitBytes. Code::Internal if literals and outputs
  /// do not cover the file once.
  Status finish(uint32_t target, const Access &access);

  /// Sorted by offset, covering the file; after finish().
  std::span<const Extent> extents(uint32_t target) const { return targets_[target].extents; }

  /// Upper bound of what the tables will hold, in bytes.
  static uint64_t memory(const Program &program, const Schedule &schedule);

private:
  struct Segment { ///< Between two neighbouring bounds of patched ranges.
    uint64_t end = 0;
    bool covered = false;
  };
  struct Target {
    std::vector<Extent> extents;
    std::vector<Segment> segments; ///< Ascending, from byte 0; beyond the last nothing is covered.
    uint64_t remaining = 0;        ///< Bytes that tasks have still to write.
    uint64_t unhashed = 0;         ///< Bytes in no extent yet.
  };
  /// One literal, or the part of it between two bounds.
  struct Part {
    size_t literal = 0;
    uint64_t begin = 0, end = 0;
  };

  static std::vector<Segment> segmentsOf(const TargetFile &file);
  std::vector<Part> cutLiterals(uint32_t target, std::span<const LiteralBytes> literals) const;
  /// Makes extents of the bytes that no extent has.
  Status hashGaps(uint32_t target, const Access &access);
  Status checkCoverage(uint32_t target) const;
  Status applyPatches(uint32_t target, std::vector<LiteralBytes> &literals) const;

  const Program &program_;
  std::vector<Target> targets_;
  std::mutex mutex_;
  std::mutex literalsMutex_;
};

} // namespace recast::exec
