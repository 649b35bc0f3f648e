// `expect` conditions over what the metadata says: `run.zero == 3 and run.mesh == (dp = 8)`.
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"

namespace recast::compiler {

/// Code::Negative, with both values, when the condition does not hold; Code::Usage when it cannot
/// be evaluated. Known members of the source: its properties, `mesh`, `format`, `tag`, `iteration`.
Status expectHolds(const Condition &condition, const EndpointDecl &source,
                   const format::Inventory &inventory);

/// Whether it asks for something that changes at every save: then what was judged holds of one
/// step.
bool asksForStep(const Condition &condition);

/// `weight == SOURCE.weight`: asks for the armed check of masters against weights.
bool asksForWeightCheck(const Condition &condition, const EndpointDecl &source);

/// Code::Usage: why a `check` that is none of those known is none, and what is.
Error cannotBeArmed(const Condition &check, const EndpointDecl &source);

} // namespace recast::compiler
