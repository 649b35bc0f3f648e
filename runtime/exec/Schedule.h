// Which work is handed out together and in which order. Depends on the program and the wanted order
// alone, never on the number of threads or the size of a slot: the extents of the manifest follow
// from it.
#pragma once

#include "runtime/exec/Program.h"

namespace recast::exec {

/// Bytes of primary input one worker takes at a time. Large enough that workers seldom write to one
/// file at once, small enough that they end together.
inline constexpr uint64_t kUnitBytes = uint64_t{4} << 20;
/// Files that a unit of small tasks writes to. A worker keeps more than these open, so that it
/// finishes files without opening them again.
inline constexpr size_t kUnitFiles = 12;

/// Whole tasks `order[begin, end)` that are wanted at one time, or, if `count` is not -1, elements
/// [first, first + count) of the one task order[begin]; of a strided task, the part `first` of
/// unitsOf().
struct Unit {
  uint32_t begin = 0, end = 0;
  int64_t first = 0, count = -1;
};

struct Schedule {
  /// Tasks as Order says.
  std::vector<uint32_t> order;
  std::vector<Unit> units;
  /// Target files without any output of a task: literals only.
  std::vector<uint32_t> literalFiles;
  /// Bytes that tasks write, per target file.
  std::vector<uint64_t> taskBytes;
  uint64_t bytesToRead = 0;

  size_t maxInputs = 0;
  /// A recipe computes something: results need a slot.
  bool needsResults = false;
  bool hasBoxes = false; ///< Some task is strided.
  bool isUrgent = false; ///< Some unit is wanted before another.
  /// No unit leaves more extents than outputs it has; this bounds the sum.
  uint64_t maxExtents = 0;

  /// Bytes of the tables above.
  uint64_t memory() const;
};

Result<Schedule> makeSchedule(const Program &program, Order order = Order::Deadlines);

/// Bytes that a unit reads.
uint64_t bytesRead(const Program &program, const Schedule &schedule, const Unit &unit);

} // namespace recast::exec
