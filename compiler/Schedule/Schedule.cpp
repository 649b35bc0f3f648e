#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

std::vector<int32_t> placeStages(Placement placement, int32_t ranks, int32_t chunks) {
  std::vector<int32_t> out;
  out.reserve(static_cast<size_t>(ranks) * static_cast<size_t>(chunks));
  for (int32_t chunk = 0; chunk < chunks; ++chunk)
    for (int32_t i = 0; i < ranks; ++i)
      out.push_back(placement == Placement::V && chunk % 2 == 1 ? ranks - 1 - i : i);
  return out;
}

} // namespace recast::schedule
