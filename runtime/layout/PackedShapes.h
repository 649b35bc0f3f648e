// Shapes that a map implies: of the stored tensor, and of the logical tensors packed into it.
#pragma once

#include "runtime/layout/AxisMap.h"

namespace recast::layout {

/// Extents of the stored tensor, before pads. An axis without an extent counts as 0 and
/// products that do not fit saturate: no tensor of that shape can exist.
std::vector<int64_t> storedShape(const AxisMap &map);

/// Extents of each part: the logical side where the map has one, else one dimension per stored
/// dimension. As storedShape() otherwise.
std::vector<std::vector<int64_t>> partShapes(const AxisMap &map);

} // namespace recast::layout
