// One spelling for layouts that differ only in how they are written.
#pragma once

#include "runtime/layout/Layout.h"

namespace recast::layout {

/// A layout of the flattened parts (shapes of one dimension each) with the same element map on
/// every rank and the same marks of variation, in which names are made uniform (mesh axes m0, m1,
/// ..; axes a0, a1, ..) and what does nothing is left out. Equal results mean equal layouts;
/// unequal ones say nothing. The layout must have passed verify() with `shapes`.
Layout normalForm(const Layout &layout, const std::vector<std::vector<int64_t>> &shapes);

} // namespace recast::layout
