#include "runtime/exec/Slots.h"

#include "runtime/exec/TargetExtents.h"
#include "runtime/exec/TensorDigests.h"

#include <algorithm>
#include <fmt/format.h>
#include <sys/mman.h>
#include <utility>

namespace recast::exec {
namespace {

/// Stack, hashing states, open files and small literals of one worker.
constexpr uint64_t kWorkerOverhead = (uint64_t{64} << 10) + kSmallLiterals;

template <typename T> uint64_t vectorBytes(const std::vector<T> &v) {
  return v.capacity() * sizeof(T);
}

} // namespace

uint64_t taskMemory(const Task &task) {
  uint64_t bytes = vectorBytes(task.inputs) + vectorBytes(task.outputs) + vectorBytes(task.checks);
  for (const TaskOutput &output : task.outputs)
    bytes += vectorBytes(output.inputs);
  for (const TaskCheck &check : task.checks)
    bytes += vectorBytes(check.inputs);
  bytes += vectorBytes(task.dims);
  for (const TaskDim &dim : task.dims)
    bytes += vectorBytes(dim.strides);
  return bytes;
}

uint64_t programMemory(const Program &program) {
  uint64_t bytes = vectorBytes(program.names) + vectorBytes(program.sources) +
                   vectorBytes(program.records) + vectorBytes(program.targets) +
                   vectorBytes(program.tasks) + vectorBytes(program.tensors);
  for (const std::string &name : program.names)
    bytes += name.capacity();
  for (const SourceFile &source : program.sources)
    bytes += source.path.capacity();
  for (const TargetFile &target : program.targets)
    bytes += target.path.capacity() + vectorBytes(target.patches);
  for (const Task &task : program.tasks)
    bytes += taskMemory(task);
  return bytes;
}

Result<SlotPlan> planSlots(const Program &program, const Schedule &schedule, unsigned threads) {
  SlotPlan plan;
  plan.slotBytes = schedule.hasBoxes ? kBoxSlotBytes : kSlotBytes;
  plan.slotsPerThread = std::max<size_t>(schedule.maxInputs, 1) + (schedule.needsResults ? 1 : 0);
  size_t work = schedule.units.size() + schedule.literalFiles.size();
  plan.threads = static_cast<unsigned>(std::clamp<size_t>(work, 1, std::max(threads, 1u)));
  // The largest set of literals is in memory once: one worker at a time asks for them.
  uint64_t literals = 0;
  for (size_t t = 0; t < program.targets.size(); ++t)
    literals = std::max(literals, program.targets[t].size - schedule.taskBytes[t]);
  plan.tableBytes = programMemory(program) + schedule.memory() + literals +
                    TargetExtents::memory(program, schedule) + TensorDigests::memory(program);
  if (program.budget == 0)
    return plan;
  auto total = [&] { return plan.tableBytes + plan.threads * kWorkerOverhead + plan.poolBytes(); };
  while (total() > program.budget) {
    if (plan.slotBytes > (size_t{64} << 10) ||
        (plan.threads == 1 && plan.slotBytes > kMinSlotBytes))
      plan.slotBytes /= 2;
    else if (plan.threads > 1)
      --plan.threads;
    else
      return fail(
          Error(Code::OverBudget,
                fmt::format("{} bytes of memory are not enough: {} for tables and {} for the "
                            "smallest slots make {}",
                            program.budget, plan.tableBytes, total() - plan.tableBytes, total()))
              .hint(fmt::format("Allow at least {} KiB with --memory.", (total() + 1023) / 1024)));
  }
  return plan;
}

Result<SlotMemory> SlotMemory::allocate(size_t bytes) {
  void *data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return fail(Error(Code::OverBudget, fmt::format("the system gave no {} bytes for slots", bytes))
                    .hint("Use fewer threads or a smaller --memory."));
  return SlotMemory(static_cast<std::byte *>(data), bytes);
}

SlotMemory::SlotMemory(SlotMemory &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

SlotMemory::~SlotMemory() {
  if (data_)
    ::munmap(data_, bytes_);
}

} // namespace recast::exec
