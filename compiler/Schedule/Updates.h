// Optimizer steps of synchronous lists, for whatever looks at weight versions.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// One OPT of every stage after its last B, W or REDUCE_GRAD. Lists that have an OPT are returned
/// as they are. Actions are where checkLists() wants them.
Schedule withOptimizerSteps(Schedule schedule);

} // namespace recast::schedule
