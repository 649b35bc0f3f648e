// Which weights every pass sees, derived from explicit lists: also imported ones, also while the
// pipeline fills and drains. Versions are counted per stage, from 0, one more with every OPT.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <optional>

namespace recast::schedule {

/// What a pass sees: `version` extrapolated by `ahead` updates; `latest` is the latest version
/// then.
struct Seen {
  int32_t version = 0, ahead = 0, latest = 0;
  /// The version that the weights are, or stand for.
  int64_t aim() const { return int64_t{version} + ahead; }
  bool operator==(const Seen &) const = default;
};

/// A pass of a microbatch through a stage.
struct Pass {
  int32_t stage = 0, microbatch = 0;
  bool operator==(const Pass &) const = default;
};

/// The most copies of weights that a rank holds at once, summed over its stages: latest versions,
/// stashed ones that are needed again, predictions while passes see them.
struct WeightCopies {
  int64_t peak = 0;
  size_t index = 0; ///< Where in the rank's list it is reached first.
};

/// By stage and microbatch; arrays, 12 to 28 bytes for each. A pass that is in no list has no
/// answer (std::nullopt).
class Versions {
public:
  std::optional<Seen> forward(Pass pass) const { return seen(pass, forward_); }
  /// Of B, or of I where the backward is split.
  std::optional<Seen> backward(Pass pass) const { return seen(pass, backward_); }
  /// Derived lag: updates of the stage between the forward and the backward.
  std::optional<int32_t> lag(Pass pass) const;
  /// The version that the update makes which applies the gradient of a microbatch (of its B or W).
  std::optional<int32_t> appliedIn(Pass pass) const;
  /// Gradient delay: updates between the weights that the forward saw, or that its prediction
  /// stands for, and those that the gradient is applied to. Below 0 where it aims further.
  std::optional<int64_t> delay(Pass pass) const;

  int32_t stages() const { return static_cast<int32_t>(updates.size()); }
  int32_t microbatches() const { return microbatches_; }

  std::vector<int32_t> updates;     ///< By stage: OPTs in the lists.
  std::vector<WeightCopies> copies; ///< By rank.
  bool predicts = false;            ///< Whether any pass sees a prediction.

private:
  friend class VersionReader;
  /// Arrays by stage * microbatches + microbatch; -1: no such pass. Empty `version`: all passes see
  /// the latest. Empty `ahead`: none sees a prediction.
  struct Passes {
    std::vector<int32_t> latest, version, ahead;
  };
  size_t slot(Pass pass) const {
    return static_cast<size_t>(pass.stage) * static_cast<size_t>(microbatches_) +
           static_cast<size_t>(pass.microbatch);
  }
  std::optional<Seen> seen(Pass pass, const Passes &passes) const;

  int32_t microbatches_ = 0;
  Passes forward_, backward_;
  std::vector<int32_t> applied_;
};

/// One pass over the lists. Lists without any OPT: all see version 0 (withOptimizerSteps() adds
/// those of synchronous kinds). Code::BadInput, naming the place: lists that checkLists() refuses,
/// a pass that is there twice, STASH of what is not the latest version, RESTORE of what is neither
/// the latest nor stashed.
Result<Versions> versionsOf(const Schedule &schedule);

struct VersionSummary {
  int32_t largestLag = 0;
  int64_t largestDelay = 0;
  /// The first pass whose backward sees (or aims at) another version than its forward.
  std::optional<Pass> differsInBackward;
  /// The first pass whose forward sees (or aims at) another version than that of stage 0.
  std::optional<Pass> differsFromFirstStage;
};
VersionSummary summarize(const Versions &versions);

/// Where a constant lag is not the derived one.
struct LagError {
  Pass pass;
  /// Of the rule: updates that the forward is predicted beyond what the backward is, for a rule
  /// that predicts before both. constant > derived: too far.
  int32_t constant = 0, derived = 0;
  bool operator==(const LagError &) const = default;
};
/// All passes whose forward `weights.lagRule`, a constant rule, would predict too far or not far
/// enough, by stage, then microbatch. Empty for LagRule::Derived.
std::vector<LagError> lagErrors(const Schedule &schedule, const Versions &versions,
                                const WeightPolicy &weights);

} // namespace recast::schedule
