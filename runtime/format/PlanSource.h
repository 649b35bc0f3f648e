// A checkpoint as the tables of a plan: called to bind (compiler) and to rebind (capi).
#pragma once

#include "runtime/format/Inventory.h"
#include "runtime/plan/Plan.h"

#include <string>

namespace recast::format {

/// Appends endpoint, files, checksummed records, buffers and layouts of `source` to a plan without
/// any.
void addSource(plan::Plan &plan, const std::string &endpoint, const Inventory &source);

} // namespace recast::format
