#include "runtime/format/TargetTensors.h"

namespace recast::format {

uint32_t TargetTensors::addShape(std::span<const int64_t> shape) {
  auto [entry, isNew] = shapeNumbers_.try_emplace({shape.begin(), shape.end()},
                                                  static_cast<uint32_t>(shapes_.size()));
  if (isNew)
    shapes_.push_back(entry->first);
  return entry->second;
}

void TargetTensors::push_back(const TargetTensor &tensor) {
  push_back(Row{addName(tensor.name), addRole(tensor.role), addShape(tensor.shape), tensor.dtype,
                tensor.isScalar, tensor.scalarBits});
}

} // namespace recast::format
