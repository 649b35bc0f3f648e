#include "compiler/Schedule/Assign.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// Costs of ranges, all from the same sums: comparisons between ranges are then consistent.
class RangeCosts {
public:
  explicit RangeCosts(const AssignInput &input) : input_(input), sums_{0} {
    for (double cost : input.layers)
      sums_.push_back(sums_.back() + cost);
  }

  int32_t layers() const { return static_cast<int32_t>(input_.layers.size()); }

  /// Of stage `stage` with layers [begin, end).
  double of(int32_t stage, int32_t begin, int32_t end) const {
    double out = sums_[static_cast<size_t>(end)] - sums_[static_cast<size_t>(begin)];
    if (stage == 0)
      out += input_.first;
    if (stage == input_.stages - 1)
      out += input_.last;
    return out;
  }

private:
  const AssignInput &input_;
  std::vector<double> sums_;
};

Status check(const AssignInput &input) {
  if (input.stages < 1)
    return usage(fmt::format("layers are assigned to 1 stage or more, not {}", input.stages));
  auto layers = input.layers.size();
  if (layers < static_cast<size_t>(input.stages))
    return usage(fmt::format("{} layers for {} stages: stage {} would have none; give at most {} "
                             "stages (ranks x chunks)",
                             layers, input.stages, layers, layers));
  auto refuse = [](double cost) { return !(cost >= 0) || !std::isfinite(cost); };
  double sum = input.first + input.last;
  for (size_t i = 0; i < layers; ++i) {
    if (refuse(input.layers[i]))
      return usage(fmt::format("the cost of layer {} is {}; costs are finite and not negative", i,
                               input.layers[i]));
    sum += input.layers[i];
  }
  for (auto [what, cost] : {std::pair("before the first layer", input.first),
                            std::pair("after the last layer", input.last)})
    if (refuse(cost))
      return usage(fmt::format("the cost of what comes {} is {}; costs are finite and not negative",
                               what, cost));
  if (!std::isfinite(sum))
    return usage("the costs of layers add up to more than a double holds");
  return {};
}

/// least[j]: the smallest largest cost of stages 0..s with layers [0, j), each with one at least.
/// It grows with j, the cost of the last of the stages falls with its begin: they cross once.
double leastCost(const RangeCosts &costs, int32_t stages) {
  int32_t layers = costs.layers();
  std::vector<double> least(static_cast<size_t>(layers) + 1, 0), next(least);
  for (int32_t end = 1; end <= layers; ++end)
    least[static_cast<size_t>(end)] = costs.of(0, 0, end);
  for (int32_t s = 1; s < stages; ++s) {
    for (int32_t end = s + 1; end <= layers; ++end) {
      int32_t low = s, high = end - 1; // The first begin at which the stages before cost as much.
      while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (least[static_cast<size_t>(middle)] >= costs.of(s, middle, end))
          high = middle;
        else
          low = middle + 1;
      }
      double best = std::max(least[static_cast<size_t>(low)], costs.of(s, low, end));
      if (low > s)
        best = std::min(best,
                        std::max(least[static_cast<size_t>(low) - 1], costs.of(s, low - 1, end)));
      next[static_cast<size_t>(end)] = best;
    }
    std::swap(least, next);
  }
  return least.back();
}

Assignment finish(const RangeCosts &costs, std::vector<int32_t> begin) {
  Assignment out;
  out.begin = std::move(begin);
  for (size_t s = 0; s + 1 < out.begin.size(); ++s)
    out.cost.push_back(costs.of(static_cast<int32_t>(s), out.begin[s], out.begin[s + 1]));
  out.costliest = static_cast<int32_t>(std::ranges::max_element(out.cost) - out.cost.begin());
  return out;
}

} // namespace

int32_t Assignment::stageOf(int32_t layer) const {
  return static_cast<int32_t>(std::ranges::upper_bound(begin, layer) - begin.begin()) - 1;
}

Result<Assignment> assignByCost(const AssignInput &input) {
  RECAST_TRY(check(input));
  RangeCosts costs(input);
  double limit = leastCost(costs, input.stages);
  std::vector<int32_t> begin = {0};
  for (int32_t s = 0; s + 1 < input.stages; ++s) {
    int32_t end = begin.back() + 1, latest = costs.layers() - (input.stages - 1 - s);
    while (end < latest && costs.of(s, begin.back(), end + 1) <= limit)
      ++end;
    begin.push_back(end);
  }
  begin.push_back(costs.layers());
  return finish(costs, std::move(begin));
}

Result<Assignment> assignUniformly(const AssignInput &input) {
  RECAST_TRY(check(input));
  RangeCosts costs(input);
  std::vector<int32_t> begin;
  for (int64_t s = 0; s <= input.stages; ++s)
    begin.push_back(static_cast<int32_t>(s * costs.layers() / input.stages));
  return finish(costs, std::move(begin));
}

std::vector<std::vector<std::pair<int32_t, int32_t>>>
layersByRank(const Assignment &assignment, std::span<const int32_t> rankOf, int32_t ranks) {
  std::vector<std::vector<std::pair<int32_t, int32_t>>> out(static_cast<size_t>(ranks));
  for (size_t s = 0; s < rankOf.size(); ++s)
    out[static_cast<size_t>(rankOf[s])].emplace_back(assignment.begin[s], assignment.begin[s + 1]);
  return out;
}

} // namespace recast::schedule
