// The threads of a run.
#pragma once

#include "runtime/exec/Worker.h"

#include <functional>

namespace recast::exec {

/// `asked`, or one per core this process may use if that is 0.
unsigned threadsFor(unsigned asked);

/// Runs all units and literal files of the job to the end or to the first error, which it returns.
/// `progress` is called from the calling thread.
Status runWorkers(Job &job, const SlotPlan &slots,
                  const std::function<void(uint64_t, uint64_t)> &progress);

} // namespace recast::exec
