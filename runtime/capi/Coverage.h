// Which source bytes the tasks touch.
#pragma once

#include "runtime/capi/Instantiate.h"

namespace recast::capi::detail {

/// Adds idle tasks for what keeps a source record from being verified whole: a few bytes (padding)
/// that nobody reads, or bytes that several tasks read; then counts.
Result<Forecast> completeRecords(exec::Program &program);

} // namespace recast::capi::detail
