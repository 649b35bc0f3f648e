// Parameters that two stages hold a copy of each, as an embedding and the head that shares it.
#pragma once

#include "compiler/Schedule/Versions.h"

#include <span>
#include <utility>

namespace recast::schedule {

/// Code::BadInput, with a microbatch that shows it, where updates come while microbatches are under
/// way in one of the two stages of a pair: their copies then part, unless something that no list
/// says keeps them equal at every update. Pairs of one stage are none. Code::Usage: no such stage.
Status checkTied(const Schedule &schedule, const Versions &versions,
                 std::span<const std::pair<int32_t, int32_t>> pairs);

} // namespace recast::schedule
