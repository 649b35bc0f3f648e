// What every explicit schedule that comes from outside must keep to before anything looks at it.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// The most stages of one rank; 1 where there are no stages.
int32_t chunksOf(const Schedule &schedule);

/// Code::BadInput, without a place, unless `action` may stand in the list of `rank`: its stage
/// exists and is on that rank, its microbatch is below `microbatches`.
Status checkPlace(const Schedule &schedule, int32_t rank, const Action &action);

/// Code::BadInput where stages and microbatches promise over four times the passes that the lists
/// have: the lists bound what analyses set aside memory for.
Status checkSize(const Schedule &schedule);

} // namespace recast::schedule
