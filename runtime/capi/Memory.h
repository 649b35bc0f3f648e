// What a plan restores into memory: where it goes, and who it is.
#pragma once

#include "runtime/capi/Instantiate.h"
#include "runtime/exec/Slots.h"

namespace recast::capi {

/// Anonymous memory for the targets of a program, released on destruction. Its pages count once
/// they are written; it is not part of the plan's budget, which is for what a run needs beside its
/// result.
class TargetMemory {
public:
  uint64_t bytes() const { return bytes_; }

private:
  friend Result<TargetMemory> allocateMemory(exec::Program &program);
  TargetMemory() = default;

  std::vector<exec::SlotMemory> parts_;
  uint64_t bytes_ = 0;
};

/// Gives every target of `program`, which is in memory, its place. A caller with memory of its own
/// sets exec::TargetFile::memory instead, aligned to format::kMemoryAlignment. Code::OverBudget
/// where the system has not that much.
Result<TargetMemory> allocateMemory(exec::Program &program);

/// A tensor in memory, row-major; complete once exec::Options::ready names it or execute()
/// returned. Values of no dimensions are complete then only.
struct MemoryTensor {
  uint32_t target = 0; ///< Of the plan.
  std::string name, role;
  DType dtype = DType::U8;
  std::vector<int64_t> shape;
  std::byte *data = nullptr;
  uint64_t bytes = 0;
};

/// Everything in memory of an instance whose targets have their places, in the order of its images.
/// Tied names are listed too, with the data of the one that is stored.
std::vector<MemoryTensor> memoryTensors(const plan::Plan &plan, const Instance &instance);

} // namespace recast::capi
