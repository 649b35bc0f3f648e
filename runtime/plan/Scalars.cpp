#include "runtime/plan/Expand.h"

namespace recast::plan {

bool isScalarMember(const Family &family, size_t member) {
  size_t inputs = family.inputs.size();
  return family.shape.empty() && inputs != 0 && family.memberInputs[member * inputs].store == kNone;
}

uint64_t scalarOutput(const Family &family, size_t member, size_t slot) {
  size_t count = family.inputs.size();
  std::vector<uint64_t> values(count), results(family.outputs.size());
  std::vector<const std::byte *> inputs;
  std::vector<std::byte *> outputs;
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<uint64_t>(family.memberInputs[member * count + i].start);
    inputs.push_back(reinterpret_cast<const std::byte *>(&values[i]));
  }
  for (uint64_t &result : results)
    outputs.push_back(reinterpret_cast<std::byte *>(&result));
  recipe::interpret(family.recipe, inputs, outputs, 1);
  return results[slot];
}

} // namespace recast::plan
