// Which layers a stage has: by cost, so that the most expensive stage is as cheap as it can be, or
// by number.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <span>
#include <utility>

namespace recast::schedule {

/// What is divided. Costs are of one unit that the caller chooses: parameters, bytes, time.
struct AssignInput {
  std::span<const double> layers; ///< Cost of each, in the model's order.
  /// What the first stage has besides (embedding) and the last (norm, head). A tied parameter that
  /// both hold counts in both.
  double first = 0, last = 0;
  int32_t stages = 1;
};

struct Assignment {
  /// Stage s has layers [begin[s], begin[s + 1]); stages + 1 numbers. No stage is empty.
  std::vector<int32_t> begin;
  std::vector<double> cost; ///< By stage, with what is pinned to it.
  int32_t costliest = 0;    ///< The first stage of the largest cost.

  int32_t stages() const { return static_cast<int32_t>(cost.size()); }
  int32_t stageOf(int32_t layer) const;
};

/// Consecutive layers, so that the largest cost of a stage is the smallest there is (in sums of
/// doubles). Of several such assignments the one whose stages, first to last, take as many layers
/// as they can. O(S L log L). Code::Usage: no stage; fewer layers than stages (says which would be
/// empty); costs that are negative, not finite or add up to more than a double holds.
Result<Assignment> assignByCost(const AssignInput &input);

/// Stage j has layers [jL/S, (j+1)L/S), rounded down. The same errors.
Result<Assignment> assignUniformly(const AssignInput &input);

/// Ranges of layers by rank, where `rankOf` says which stages a rank has (placeStages()), in order
/// of stages.
std::vector<std::vector<std::pair<int32_t, int32_t>>>
layersByRank(const Assignment &assignment, std::span<const int32_t> rankOf, int32_t ranks);

} // namespace recast::schedule
