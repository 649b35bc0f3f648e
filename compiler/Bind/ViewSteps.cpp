#include "compiler/Bind/ViewSteps.h"

#include "compiler/Bind/RankSteps.h"
#include "runtime/base/Checked.h"
#include "runtime/layout/PackedShapes.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {

Status ViewSteps::add(layout::Step step, StoredTensor &stored) {
  if (const auto *known = std::get_if<layout::Pad>(&step))
    return pad(*known, stored);
  return overRanks(std::move(step), stored);
}

int64_t ViewSteps::ranksAlong(const std::string &axis) const {
  int at = mesh_.axisIndex(axis);
  return at < 0 ? 1 : mesh_.sizes[at];
}

/// A step that speaks of mesh axes: it cuts, or says what is said of sources alone.
Status ViewSteps::overRanks(layout::Step step, StoredTensor &stored) {
  std::string text = layout::str(step);
  int64_t ranks = 1;
  for (const std::string &axis : layout::meshAxesOf(step)) {
    cutAxes_.insert(axis);
    ranks = std::max(ranks, ranksAlong(axis));
  }
  if (auto *split = std::get_if<layout::Split>(&step)) {
    for (const std::string &axis : split->axes)
      if (!stored.layout.axes.sizes.count(axis))
        return usage(fmt::format("`{}`: the tensor has no axis '{}'", text, axis));
    std::erase_if(split->by, [&](const std::string &axis) { return ranksAlong(axis) == 1; });
  }
  if (ranks > 1 && !shares_)
    return usage(
        fmt::format("`{}` speaks of {} ranks, and this format holds whole tensors", text, ranks));
  if (isRankStep(step)) {
    stored.ranks.push_back(std::move(step));
  } else if (ranks > 1) {
    if (std::holds_alternative<layout::Flat>(step))
      return usage(fmt::format("`{}`: a rank's tensors have the dimensions of the model; `split` "
                               "and `chunk` cut them",
                               text));
    stored.layout.mesh = mesh_;
    stored.layout.steps.push_back(std::move(step));
  }
  return {};
}

Status ViewSteps::pad(const layout::Pad &step, StoredTensor &stored) {
  const auto &[axis, multiple] = step;
  auto size = stored.layout.axes.sizes.find(axis);
  if (size == stored.layout.axes.sizes.end())
    return usage(fmt::format("the tensor has no axis '{}' to pad", axis));
  if (size->second % multiple == 0)
    return {};
  auto padded = checkedMul(ceilDiv(size->second, multiple), multiple);
  if (!padded)
    return usage(fmt::format("axis '{}' padded to a multiple of {} is too long", axis, multiple));
  stored.layout.steps.push_back(step);
  layout::AxisMap longer = stored.layout.axes;
  longer.sizes[axis] = *padded;
  stored.shape = layout::storedShape(longer);
  return {};
}

} // namespace recast::compiler
