// Counts what operator new hands out, so that a test can say how much an input may cost.
#pragma once

#include <cstddef>

namespace recast::fuzz {

/// Most bytes that were allocated at the same time since `resetPeak`, beyond those that were
/// allocated then.
size_t peakBytes();
void resetPeak();

} // namespace recast::fuzz
