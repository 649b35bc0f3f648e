#include "runtime/plan/FlatIntervals.h"

#include <algorithm>

namespace recast::plan {

std::optional<FlatIntervals> FlatIntervals::of(const layout::Layout &layout) {
  const layout::Flat *flat = layout::groupStep(layout);
  if (!flat || layout.steps.size() != 1 || !layout.axes.stored.empty())
    return std::nullopt;
  int axis = layout.mesh.axisIndex(flat->by);
  if (axis < 0 || layout.mesh.rankCount() == 0)
    return std::nullopt;
  FlatIntervals out;
  out.ways_ = layout.mesh.sizes[static_cast<size_t>(axis)];
  for (size_t inner = static_cast<size_t>(axis) + 1; inner < layout.mesh.sizes.size(); ++inner)
    out.stride_ *= layout.mesh.sizes[inner];
  return out;
}

bool FlatIntervals::at(layout::FlatPosition position, int64_t elements,
                       std::vector<Interval> &out) const {
  auto [start, total] = position;
  if (start < 0 || total < 0 || elements < 1 || start > total || elements > total - start ||
      total % ways_ != 0)
    return false;
  out.clear();
  int64_t share = total / ways_;
  for (int64_t at = 0; at < elements;) {
    int64_t q = (start + at) / share;
    int64_t end = std::min(elements, (q + 1) * share - start);
    out.push_back({at, end, {q * stride_, start + at - q * share}});
    at = end;
  }
  return true;
}

} // namespace recast::plan
