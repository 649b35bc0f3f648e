// How long a schedule takes: the longest path over program order and data. Costs in, times out.
//
// Each action starts when the one before it in its list has ended and its data is there: F(s, b)
// needs F(s - 1, b); B or I(s, b) needs F(s, b) and B or I(s + 1, b); W(s, b) needs I(s, b). Data
// of another rank is there `comm` after it was made or, in lists that have sends and receives,
// `comm` after both were posted. Neither holds its rank up: as PyTorch's runtime, which waits for a
// receive before the compute that reads it. The rest only follows its list.
#pragma once

#include "compiler/Schedule/Costs.h"

namespace recast::schedule {

/// What frees the activation that a forward leaves.
enum class Release : uint8_t {
  Weight, ///< The backward, or its weight part: both read it.
  Input,  ///< The backward, or its input part: what the weight part reads is not counted.
};

/// Whether an action of a kind frees one.
bool releases(ActionKind kind, Release release);

struct SimulateOptions {
  Costs costs;
  Release release = Release::Weight;
};

/// Times of one rank.
struct RankTimes {
  double first = 0; ///< Start of what first takes time.
  double last = 0;  ///< End of the last.
  double busy = 0;
  /// Idle between first and last: the zero-bubble papers' bubble, and that of the closed forms.
  double spanBubble() const { return last - first - busy; }
  /// Idle until the makespan: what a barrier at the end of the step makes of it.
  double makespanBubble(double makespan) const { return makespan - busy; }
  /// The most forwards whose activations are held at once; each is of one stage.
  int64_t peakActivations = 0;
};

struct Simulation {
  /// By rank and list position. The actions of a pair start and end together.
  std::vector<std::vector<double>> start, end;
  std::vector<RankTimes> ranks;
  double makespan = 0;

  double busy() const;           ///< Of all ranks together.
  double spanBubble() const;     ///< The largest of a rank.
  double makespanBubble() const; ///< The largest of a rank.
  /// Idle share of all ranks' time until the makespan, 0 where nothing takes time.
  double idleShare() const;
  int64_t peakActivations() const; ///< The largest of a rank.
};

/// Linear in the number of actions. Code::Usage: costs that checkCosts() refuses, or that add up to
/// more than a double holds. Code::BadInput: lists that are not sound (checkLists()), have an
/// action twice, or wait for each other or for what is in no list; the message says who for whom.
Result<Simulation> simulate(const Schedule &schedule, const SimulateOptions &options = {});

} // namespace recast::schedule
