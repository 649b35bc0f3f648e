// Where a rank gathers and frees the parameters of its stages (FSDP).
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// One rank's compute-only list with UNSHARD and RESHARD (see addComms()).
std::vector<Action> withUnshard(const std::vector<Action> &list);

} // namespace recast::schedule
