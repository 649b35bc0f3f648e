// Shapes around packed layouts: of all parts, and of the tensor that holds them.
#include "runtime/layout/PackedShapes.h"
#include "runtime/plan/Plan.h"

namespace recast::plan {

std::vector<std::vector<int64_t>> partShapes(const layout::Layout &layout,
                                             const std::vector<int64_t> &shape) {
  if (layout.axes.partCount() <= 1)
    return {shape};
  return layout::partShapes(layout.axes);
}

std::vector<int64_t> storedShape(const layout::Layout &layout, const std::vector<int64_t> &shape) {
  return layout.axes.stored.empty() ? shape : layout::storedShape(layout.axes);
}

} // namespace recast::plan
