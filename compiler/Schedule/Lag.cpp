#include "compiler/Schedule/Lag.h"

namespace recast::schedule {

Lag constantLag(LagRule rule, int32_t ranks, int32_t rank, int32_t updateEvery, int32_t fixed) {
  switch (rule) {
  case LagRule::Derived:
    break;
  case LagRule::Paper:
    return {ranks - 1 - rank, 0};
  case LagRule::Code:
    return {ranks - rank, 0};
  case LagRule::SpecTrain:
    return {rank / 2 + ranks - 1 - rank, rank / 2};
  case LagRule::XPipe: {
    // round((p + T - r / 2 - 2) / T) and round((T + floor(r / 2) - 1) / T), in whole numbers.
    int64_t p = ranks, r = rank, T = updateEvery;
    return {static_cast<int32_t>((2 * (p + T - 2) - r + T) / (2 * T)),
            static_cast<int32_t>((2 * (T + r / 2 - 1) + T) / (2 * T))};
  }
  case LagRule::Fixed:
    return {fixed, 0};
  }
  return {};
}

} // namespace recast::schedule
