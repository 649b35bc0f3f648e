// Files of one folder must come from one save: same step, same version, same hyper-parameters.
#pragma once

#include "runtime/format/deepspeed/read/ModelStates.h"

namespace recast::format::deepspeed {

/// What differs between `rank`'s file and rank 0's, as problems.
std::vector<Error> differences(const RankStates &first, const RankStates &rank);
std::vector<Error> differences(const ModelStates &first, const ModelStates &rank);

/// The optimizer file against the model states: version, number of ranks, number of groups.
std::vector<Error> differences(const ModelStates &model, const RankStates &rank, int64_t world,
                               bool zero3);

} // namespace recast::format::deepspeed
