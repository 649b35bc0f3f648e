// What the actions of a schedule take.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <span>
#include <utility>

namespace recast::schedule {

/// Times, all in one unit that the caller chooses. UNSHARD, RESHARD and REDUCE_GRAD take none here:
/// they run beside the compute.
struct Costs {
  double forward = 1;
  double backward = 2; ///< Of whole backwards.
  double input = 1;    ///< The input part of a backward that is split.
  double weight = 1;   ///< Its weight part.
  double comm = 0;     ///< From one rank to another, for activations and gradients alike.
  double optimizer = 0, stash = 0, predict = 0, restore = 0;
  /// The share of forward + backward that an overlapped pair takes; the pair is indivisible.
  double overlap = 1;
  /// By stage: multiplies everything but `comm`. Empty: 1 for all.
  std::vector<double> stageFactor;
  bool operator==(const Costs &) const = default;

  /// Of one action, before the factor of its stage. 0 for sends and receives, and for what runs
  /// beside the compute.
  double of(ActionKind kind) const;
};

/// Code::Usage unless all costs are finite and not negative and there is a factor for each of
/// `stages` stages, or none.
Status checkCosts(const Costs &costs, int32_t stages);

/// Costs from names and values: f, b, i, w, comm, opt, stash, predict, restore, overlap. A backward
/// is the sum of its parts where one of b, i and w is not given; given b alone, its parts are its
/// halves. Code::Usage names an unknown, repeated or impossible one.
Result<Costs> costsOf(std::span<const std::pair<std::string, double>> values);

/// The same from text: "f=1,b=2,comm=0.1". Strict: no blanks, signs or empty entries.
Result<Costs> parseCosts(std::string_view text);

} // namespace recast::schedule
