// What every explicit schedule that comes from outside must keep to before anything looks at it.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// The most stages of one rank; 1 where there are no stages.
int32_t chunksOf(const Schedule &schedule);

/// Code::BadInput, without a place, unless `action` may stand in the list of `rank`: its stage
/// exists and is on that rank, its microbatch is below `microbatches`.
Status checkPlace(const Schedule &schedule, int32_t rank, const Action &action);

/// Code::Usage unless there are that many microbatches for an update after every `every`; 0: one
/// after all.
Status checkUpdateEvery(int32_t every, int32_t microbatches);

/// Code::Usage where a rank has not `stated` stages at most.
Status checkChunks(const Schedule &schedule, int32_t stated);

/// What lists may be called: a kind (kindNamed()), whose order they then are to have (check()), or
/// "explicit".
Result<std::string> listsNamed(std::string_view kind);

/// Code::BadInput where stages and microbatches promise over four times the passes that the lists
/// have: the lists bound what analyses set aside memory for.
Status checkSize(const Schedule &schedule);

} // namespace recast::schedule
