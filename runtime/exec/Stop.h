// A request from outside, usually a signal, to stop what is executing.
#pragma once

#include "runtime/base/Status.h"

namespace recast::exec {

/// Async-signal-safe. Runs stop at the next tile and fail with Code::Interrupted; what they have
/// staged stays for the next run of the same plan. A
/// commit that has begun is carried to its end.
void requestStop();
bool stopRequested();
/// Forgets the request, so that another run may start.
void clearStop();

tl::unexpected<Error> interrupted();

} // namespace recast::exec
