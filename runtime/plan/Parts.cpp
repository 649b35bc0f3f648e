// Shapes around packed layouts: of all parts, and of the tensor that holds them.
#include "runtime/layout/PackedShapes.h"
#include "runtime/layout/Pieces.h"
#include "runtime/plan/Plan.h"

namespace recast::plan {

std::vector<std::vector<int64_t>> partShapes(const layout::Layout &layout,
                                             const std::vector<int64_t> &shape) {
  if (layout.axes.partCount() <= 1)
    return {shape};
  return layout::partShapes(layout.axes);
}

Result<std::vector<int64_t>> storedShape(const layout::Layout &layout,
                                         const std::vector<int64_t> &shape, int64_t rank) {
  if (layout.mesh.rankCount() != 1)
    return layout::localShape(layout, partShapes(layout, shape), rank);
  return layout.axes.stored.empty() ? shape : layout::storedShape(layout.axes);
}

} // namespace recast::plan
