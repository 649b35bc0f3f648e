// The order of a restore and what it costs the first step.
#pragma once

#include "runtime/capi/Instantiate.h"

#include <string>
#include <vector>

namespace recast::tools {

/// Bytes of sources that a target needs at one deadline.
struct Due {
  double time = 0;    ///< In the pipeline's unit.
  uint64_t bytes = 0; ///< Read for what is due then.
  uint64_t sum = 0;   ///< Read up to then, in the order of deadlines.
  std::vector<std::string> roles;
};

/// By time. `root`: of the program; all of them together, each byte once, where it is negative.
std::vector<Due> dueOf(const capi::Instance &instance, int root);

/// Nothing where the plan has no deadlines.
std::string deadlinesText(const plan::Plan &plan, const capi::Instance &instance);

} // namespace recast::tools
