// One worker: takes units, carries their tiles from read to write, finishes files.
#pragma once

#include "runtime/codec/Crc32.h"
#include "runtime/codec/Xxh3.h"
#include "runtime/exec/Box.h"
#include "runtime/exec/FileCache.h"
#include "runtime/exec/Journal.h"
#include "runtime/exec/ReadRate.h"
#include "runtime/exec/Slots.h"
#include "runtime/exec/SourceRecords.h"
#include "runtime/exec/Staging.h"
#include "runtime/exec/TargetExtents.h"
#include "runtime/exec/TensorDigests.h"
#include "runtime/exec/Tile.h"
#include "runtime/io/File.h"
#include "runtime/io/TreeOpener.h"

#include <atomic>

namespace recast::exec {

/// What all workers of a run look at.
struct Job {
  const Program &program;
  const Schedule &schedule;
  const Slices &slices;
  const std::vector<std::unique_ptr<StagedRoot>> &roots;
  SourceRecords &records;
  TargetExtents &extents;
  TensorDigests &tensors;
  ReadRate &rate;
  Journal *journal = nullptr;       ///< Null: nothing of this run could be taken over by another.
  std::vector<uint32_t> units = {}; ///< Of the schedule, that are still to do.
  std::vector<uint32_t> files = {}; ///< Targets that no unit will complete: to be finished.
  size_t slotBytes = 0;
  size_t openFiles = 1; ///< Descriptors a worker may hold for sources, and as many for targets.

  uint64_t bytesSkipped = 0; ///< That units of an earlier run read.
  std::atomic<uint64_t> bytesRead{0}, bytesWritten{0}, elementsChecked{0};
  std::atomic<bool> failed{false}; ///< Somebody has an error: stop at the next tile.
};

class Worker {
public:
  /// `slots`: Job::slotBytes for each input a task has at most, and one more for results.
  Worker(Job &job, std::byte *slots);

  /// Work item: one of Job::units, or (beyond those) one of Job::files.
  Status run(size_t item);
  /// Closes what is open.
  Status close();

private:
  Status runUnit(const Unit &unit);
  Status runTile();
  Status readInput(size_t input);
  Status runChecks(size_t span);
  Status writeOutputs(size_t ordinal);
  Status finishFile(uint32_t target);

  Status runBoxUnit(const Unit &unit);
  size_t boxTileElements(const Task &task) const;
  Status readBox(const Task &task, const SubBox &tile, size_t input);
  Status checkBox(const Task &task, const SubBox &tile, const TaskCheck &check);
  Status writeBox(const Task &task, const SubBox &tile, size_t output, bool streams);

  static void fillConstant(std::byte *out, const TaskInput &input, int64_t count);
  /// Where an element of an input lies, for messages.
  std::pair<std::string, ByteRange> placeOf(const TaskInput &input, int64_t element) const;
  /// The error of a check: element `at` of the tensor, both values, both places.
  tl::unexpected<Error> differs(const Task &task, int64_t at, const std::string &values,
                                const std::pair<std::string, ByteRange> &a,
                                const std::pair<std::string, ByteRange> &b) const;

  /// The error of an output: element `at` of the tensor is lost; `place` is that of what it is
  /// computed from first.
  tl::unexpected<Error> notFinite(const Task &task, int64_t at, const std::string &value,
                                  const std::pair<std::string, ByteRange> &place) const;

  /// Reads from a source, no faster than allowed. The error says file and bytes, not the tensor.
  Status read(uint32_t file, uint64_t offset, std::byte *data, size_t size);
  Result<io::File *> source(uint32_t file);
  Result<int> target(uint32_t file);
  Status write(uint32_t file, uint64_t offset, const void *data, size_t size);

  std::byte *slot(size_t index) const { return slots_ + index * job_.slotBytes; }
  std::byte *resultSlot() const { return slot(job_.schedule.maxInputs); }
  /// Base pointers of the inputs that a slice loads, for one span.
  void gather(size_t span, const std::vector<uint16_t> &inputs);

  /// CRC of what a span read from an input, kept because a copy of it may need the same number.
  struct SpanCrc {
    uint32_t crc = 0;
    bool known = false;
  };
  SpanCrc &spanCrc(size_t span, size_t input) {
    return spanCrcs_[span * job_.schedule.maxInputs + input];
  }
  /// `size` bytes of an input of `task`, read from `offset` of its file to `data`.
  void noteRead(const Task &task, size_t span, size_t input, uint64_t offset, const std::byte *data,
                size_t size);
  void noteWritten(size_t ordinal, uint32_t file, uint64_t offset, const std::byte *data,
                   size_t size, const SpanCrc &crc);
  void closeExtent(size_t ordinal);
  void noteDigest(const TaskOutput &output, uint64_t offset, const std::byte *data, size_t size);

  /// Bytes that are contiguous in memory and in a target file, to be written at once.
  struct Pending {
    uint32_t file = 0;
    uint64_t offset = 0;
    const std::byte *data = nullptr;
    size_t size = 0;
  };
  Status flushPending();

  /// An extent that may still grow: one per output ordinal of the tasks of a unit.
  struct OpenExtent {
    bool open = false, needsCrc = false;
    uint32_t file = 0;
    uint64_t begin = 0, end = 0, limit = 0;
    uint32_t crc = 0;
    codec::Xxh3Stream hash;
  };

  Job &job_;
  std::byte *slots_;
  Tile tile_;
  FileCache<io::File> sources_;
  FileCache<io::Descriptor> targets_;
  io::TreeOpener opener_;
  std::vector<SpanCrc> spanCrcs_;
  std::vector<const std::byte *> gathered_;
  Pending pending_;
  std::vector<OpenExtent> openExtents_;
  std::vector<PlacedExtent> closedExtents_;
  std::vector<UnhashedBytes> unhashed_;
  std::vector<DigestPiece> digests_;
  std::vector<RecordPiece> pieces_; ///< Of the unit; the last of an input may still grow.
  std::vector<size_t> openPiece_;   ///< Per input, index into pieces_.
  codec::Crc32Combiner combiner_;
};

} // namespace recast::exec
