// How many updates ahead a rule of weight prediction looks, where it is one number per rank.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// Updates ahead, before a forward and before a backward; 0: no prediction.
struct Lag {
  int32_t forward = 0, backward = 0;
  bool operator==(const Lag &) const = default;
};

/// Of rank `rank` of `ranks`, one stage each. `rule` is not Derived, which has a number per
/// microbatch (Versions.h); `fixed` is that of LagRule::Fixed; `updateEvery` is XPipe's T, at least
/// 1. XPipe's numbers are for the first microbatch of a mini-batch; halves are rounded up.
Lag constantLag(LagRule rule, int32_t ranks, int32_t rank, int32_t updateEvery, int32_t fixed = 0);

} // namespace recast::schedule
