// Optimizer groups by the names of their parameters.
#pragma once

#include "runtime/format/deepspeed/read/ModelStates.h"

namespace recast::format::deepspeed {

/// Adds the groups of `rank` to the inventory and gives the group of each entry of `param_shapes`.
/// Stages 1 and 2: one entry per group. Stage 3: `params` of a group lists its sub-groups.
/// What does not fit together goes to `problems`.
std::vector<int32_t> addGroups(const ModelStates &model, const RankStates &rank, bool zero3,
                               Inventory &inventory, std::vector<Error> &problems);

/// Hyper-parameters of one entry of `param_groups`: all but its list of parameters.
plan::ObjectPtr hyperParameters(const plan::Object &group);

} // namespace recast::format::deepspeed
