#include "runtime/capi/Memory.h"

#include <fmt/format.h>
#include <map>

namespace recast::capi {

Result<TargetMemory> allocateMemory(exec::Program &program) {
  TargetMemory memory;
  for (exec::TargetFile &target : program.targets) {
    if (target.size == 0)
      continue;
    auto part = exec::SlotMemory::allocate(target.size);
    if (!part)
      return fail(Error(Code::OverBudget,
                        fmt::format("the system has no {} bytes of memory for target '{}'",
                                    target.size, program.roots[target.root].endpoint))
                      .hint("Restore one rank at a time with --rank, or to files."));
    target.memory = part->data();
    memory.bytes_ += target.size;
    memory.parts_.push_back(std::move(*part));
  }
  return memory;
}

std::vector<MemoryTensor> memoryTensors(const plan::Plan &plan, const Instance &instance) {
  std::vector<MemoryTensor> out;
  for (uint32_t root = 0; root < instance.targets.size(); ++root) {
    const uint32_t target = instance.targets[root];
    const format::TargetWriter &writer = *instance.writers[root];
    std::byte *base = instance.program.targets[root].memory; // One image each, in their order.
    size_t first = out.size();
    const format::FileImage &image = writer.images().front();
    const format::FileTemplate &form = writer.templateOf(image);
    for (const std::vector<format::TensorSlot> *slots : {&form.tensors, &form.values})
      for (const format::TensorSlot &slot : *slots) {
        const format::TargetTensor tensor = writer.tensors()[image.firstTensor + slot.tensor];
        out.push_back({target,
                       std::string(tensor.name),
                       std::string(tensor.role),
                       tensor.dtype,
                       {tensor.shape.begin(), tensor.shape.end()},
                       base + slot.offset,
                       slot.bytes});
      }
    std::multimap<std::string, size_t> byName;
    for (size_t i = first; i < out.size(); ++i)
      byName.emplace(out[i].name, i);
    for (auto [alias, canonical] : plan.targets[target].aliases) {
      auto [begin, end] = byName.equal_range(plan.strings[canonical]);
      for (auto role = begin; role != end; ++role) {
        MemoryTensor tied = out[role->second];
        tied.name = plan.strings[alias];
        out.push_back(std::move(tied));
      }
    }
  }
  return out;
}

} // namespace recast::capi
