// What there is when all ranks are stopped: versions, microbatches in flight, partial gradients;
// and whether training goes on exactly from weights and optimizer state alone, or what must be
// saved besides. Randomness and the position in the data are to be saved always.
#pragma once

#include "compiler/Schedule/Simulate.h"
#include "compiler/Schedule/Versions.h"

#include <span>

namespace recast::schedule {

/// By rank: how many actions of its list have run.
using CutPosition = std::vector<size_t>;

/// Every rank has run the backwards of microbatches 0 to `microbatch` of its stages, with the
/// updates that follow at once, and what other ranks need of it for that. Code::Usage: no such
/// microbatch. Code::BadInput: a backward, or what it needs, is in no list.
Result<CutPosition> cutAfterMicrobatch(const Schedule &schedule, int32_t microbatch);
/// What has ended by `time`. Code::Usage for NaN.
Result<CutPosition> cutAtTime(const Simulation &simulation, double time);

/// How the activations of a forward come back whose backward is still to run.
enum class Replay : uint8_t {
  Exact,     ///< Run again: the version that it saw is held, as the latest or stashed.
  Older,     ///< It saw a version that is no longer held.
  Predicted, ///< It saw a prediction, which is thrown away.
  Split, ///< The input part of its backward has run: what the weight part reads is not replayed.
};

/// A forward that has run and whose backward (or weight part) has not.
struct HeldPass {
  Pass pass;
  Seen saw;
  Replay replay = Replay::Exact;
  bool operator==(const HeldPass &) const = default;
};

/// Data made by one stage and not yet read by the next: an activation for `to`'s forward, or a
/// gradient for its backward.
struct Transit {
  Pass to;
  bool isGradient = false;
  bool operator==(const Transit &) const = default;
};

struct StageCut {
  int32_t rank = 0;
  int32_t version = 0;            ///< Of W, m and v.
  std::vector<int32_t> stashed;   ///< Older versions of W that later passes see, ascending.
  std::vector<int32_t> gradients; ///< Microbatches in the gradient sum that is not applied.
  std::vector<HeldPass> held;     ///< In order of microbatches.
  /// The first microbatch of which a pass to come sees a prediction made from an older version.
  std::optional<int32_t> lostPrediction;
};

struct Cut {
  std::vector<StageCut> stages;
  std::vector<int32_t> inFlight; ///< Microbatches forwarded somewhere and not back everywhere.
  std::vector<Transit> transit;

  /// Whether all stages have had the same number of updates: layers can then move between stages.
  bool isConsistent() const;
  /// Whether no microbatch is in flight and no gradient waits for its update.
  bool isDrained() const;
  /// Whether W, m and v of every stage are all that the rest of the lists depends on.
  bool isExact() const;
};

/// `versions` is that of the lists. Code::Usage: not one position per rank, or beyond its list.
/// Code::BadInput: no order of running leads there; names an action that has run and what it needs.
Result<Cut> cutAt(const Schedule &schedule, const Versions &versions, const CutPosition &position);

/// The same in sentences: what lives where, whether resuming is exact and why not, what must be
/// saved for it to be.
std::vector<std::string> sentences(const Cut &cut);

} // namespace recast::schedule
