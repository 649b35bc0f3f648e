// The steps of a layout, checked one after the other. Private to this folder.
#pragma once

#include "runtime/layout/Resolve.h"

namespace recast::layout {

/// Fills in the steps of `out`, whose mesh, axes (named by `names`), dims and parts stand.
Status resolveSteps(const Layout &layout, const std::vector<std::string> &names,
                    ResolvedLayout &out);

} // namespace recast::layout
