// The memory of the workers, fixed before they start. Per worker: one slot for every input a task
// has at most, and one for results.
//
// Why nothing can deadlock: a worker owns its slots for the whole run and carries a tile from read
// to write by itself. It never holds a slot while it waits for another worker's slot, there is no
// queue between workers, and the locks of the shared tables are leaves: no read, write or other
// lock happens under them. (The one exception is the lock around Program::literals, under which
// only that call and the write of its bytes happen.) So the wait-for graph has no edge between
// workers, and the peak is threads x slots x size + tables.
#pragma once

#include "runtime/exec/Schedule.h"

#include <cstddef>

namespace recast::exec {

inline constexpr size_t kSlotBytes = size_t{256} << 10; ///< Where memory allows.
/// The same if there are strided tasks: segments of a transposed tile are as long as a slot is
/// wide.
inline constexpr size_t kBoxSlotBytes = size_t{4} << 20;
inline constexpr size_t kMinSlotBytes = size_t{4} << 10;

struct SlotPlan {
  unsigned threads = 1;
  size_t slotBytes = kSlotBytes; ///< A power of two.
  size_t slotsPerThread = 1;
  uint64_t tableBytes = 0; ///< Of the program and of what executing it keeps.
  size_t poolBytes() const { return threads * slotsPerThread * slotBytes; }
};

/// Bytes that a task holds besides itself.
uint64_t taskMemory(const Task &task);
/// Bytes of the program's own tables, as they lie in memory.
uint64_t programMemory(const Program &program);

/// Chooses slot size and threads for the program's budget: smaller slots before fewer threads, down
/// to 64 KiB; then fewer threads before smaller slots. Code::OverBudget names the minimum.
Result<SlotPlan> planSlots(const Program &program, const Schedule &schedule, unsigned threads);

/// Page-aligned anonymous memory; pages count once they are touched.
class SlotMemory {
public:
  static Result<SlotMemory> allocate(size_t bytes);
  SlotMemory(SlotMemory &&other) noexcept;
  SlotMemory &operator=(SlotMemory &&) = delete;
  ~SlotMemory();
  std::byte *data() const { return data_; }

private:
  SlotMemory(std::byte *data, size_t bytes) : data_(data), bytes_(bytes) {}
  std::byte *data_ = nullptr;
  size_t bytes_ = 0;
};

} // namespace recast::exec
