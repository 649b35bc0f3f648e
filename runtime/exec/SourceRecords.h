// Checksummed ranges of the sources, verified while their bytes stream by in any order.
#pragma once

#include "runtime/codec/Crc32.h"
#include "runtime/exec/Program.h"

#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>

namespace recast::exec {

/// CRC-32 of bytes [begin, end) of the file of a record, inside the record.
struct RecordPiece {
  uint32_t record = 0;
  uint64_t begin = 0, end = 0;
  uint32_t crc = 0;
};

class SourceRecords {
public:
  explicit SourceRecords(const Program &program);

  /// The record that holds byte `offset`, if any, and in `end` where this answer ends.
  std::optional<uint32_t> find(uint32_t file, uint64_t offset, uint64_t &end) const;

  /// Joins pieces to what is known; a record that became whole is compared at once. Thread-safe.
  Status add(std::span<const RecordPiece> pieces);

  uint64_t verified() const { return verified_; }
  uint64_t skipped() const { return program_.records.size() - verified_; }

private:
  struct Interval {
    uint64_t begin = 0, end = 0;
    uint32_t crc = 0;
  };
  Status addPiece(const RecordPiece &piece);
  Error mismatch(const RecordCheck &record, uint32_t found) const;

  const Program &program_;
  /// Of records that were begun, the joined intervals, sorted and apart. Neighbouring units are in
  /// flight at the same time, so there are about as many as workers; but of a record that is read
  /// column by column as many as it has rows, which the last column joins from the front.
  std::unordered_map<uint32_t, std::deque<Interval>> known_;
  codec::Crc32Combiner pieceCrc_, intervalCrc_; ///< Pieces are mostly of one size.
  std::vector<char> done_;                      ///< Records that were verified.
  uint64_t verified_ = 0;
  std::mutex mutex_;
};

} // namespace recast::exec
