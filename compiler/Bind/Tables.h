// The parts of a plan that bind knows before families are made: sources, buffers, targets, objects.
#pragma once

#include "compiler/Bind/Job.h"
#include "compiler/Bind/Resolve.h"
#include "compiler/Bind/Strings.h"
#include "runtime/format/Inventory.h"
#include "runtime/plan/Plan.h"

namespace recast::compiler {

/// Target endpoints with their groups, aliases, kept objects, kept files and side files. Errors:
/// objects nobody mentions, policies a format cannot follow, side files that do not exist, an
/// output inside its source.
Status addTargetTables(plan::Plan &plan, const Job &job, const Ends &ends, Strings &strings);

} // namespace recast::compiler
