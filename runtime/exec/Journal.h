// What a run that was killed or interrupted had finished, so that the next run of the same plan
// goes on at the first unit that is not.
//
// The journal lies in the staging folder of the first root. A unit is added after all its writes
// returned, so whatever it says is in the files for as long as the machine stays up; under another
// boot id every extent it names is hashed again before it counts. It is bound to the plan, to how
// this version cuts the work, and to the staging folders it was written beside. Each entry carries
// a hash that continues from the one before: a torn tail is left out, nothing else can hide in it.
#pragma once

#include "runtime/exec/SourceRecords.h"
#include "runtime/exec/Staging.h"
#include "runtime/exec/TargetExtents.h"
#include "runtime/exec/TensorDigests.h"

#include <mutex>

namespace recast::exec {

/// A unit whose bytes are all staged: what it wrote, and the checksums of what it read.
struct FinishedUnit {
  uint32_t unit = 0; ///< Index into Schedule::units.
  std::vector<PlacedExtent> extents;
  std::vector<UnhashedBytes> unhashed; ///< Count as staged for as long as the machine stays up.
  std::vector<RecordPiece> pieces;
  std::vector<DigestPiece> digests;
};

class Journal {
public:
  static constexpr char kName[] = ".recast-journal";

  /// `digests`: whether what units wrote of tensors has sums; that of a run that made none is of no
  /// use then.
  Journal(const Program &program, const Schedule &schedule, bool digests)
      : program_(program), schedule_(schedule), digests_(digests) {}

  /// The units that can be trusted, if the staging folders of all roots are there and hold a
  /// journal of this very work; none otherwise. Reads back (and hashes) what was staged under
  /// another boot. Code::Io if that fails.
  Result<std::vector<FinishedUnit>> read(const std::vector<std::unique_ptr<StagedRoot>> &roots);

  /// Opens the journal for adding: behind what read() accepted, or a new one. Staging folders must
  /// be open.
  Status open(const std::vector<std::unique_ptr<StagedRoot>> &roots);
  /// Thread-safe.
  Status add(uint32_t unit, std::span<const PlacedExtent> extents,
             std::span<const UnhashedBytes> unhashed, std::span<const RecordPiece> pieces,
             std::span<const DigestPiece> digests);
  /// Whether anything of the staged bytes would be of use to another run.
  bool hasUnits() const { return units_ > 0; }

private:
  using Words = std::vector<uint64_t>;
  Words header(const std::vector<std::unique_ptr<StagedRoot>> &roots) const;
  uint64_t workHash() const;
  bool parse(const Words &words, size_t &at, uint64_t &chain, FinishedUnit &out) const;
  bool isPlausible(const FinishedUnit &unit) const;

  const Program &program_;
  const Schedule &schedule_;
  bool digests_;
  io::Descriptor file_;
  std::string shown_;
  uint64_t length_ = 0; ///< Bytes that are valid.
  uint64_t chain_ = 0;
  uint64_t units_ = 0;
  std::mutex mutex_;
};

} // namespace recast::exec
