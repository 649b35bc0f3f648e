// What a simulation tells about time: the path that makes it as long as it is, when ranks idle, how
// many activations they hold when.
#pragma once

#include "compiler/Schedule/Simulate.h"
#include "compiler/Schedule/Stuck.h"

namespace recast::schedule {

/// Actions of which each starts as the one before lets it, from time 0 to the makespan, first to
/// last: to end sooner, one of them has to take less. One of possibly several such paths; where an
/// action waited for its list and for data alike, the path stays in the list. Of a pair it has the
/// one that lets the next start. `simulation` is that of `schedule` with `costs`.
std::vector<Place> criticalPath(const Schedule &schedule, const Simulation &simulation,
                                const Costs &costs = {});

struct Window {
  double begin = 0, end = 0;
  bool operator==(const Window &) const = default;
};

/// When a rank has nothing to do, from 0 to the makespan, in order; none is empty.
std::vector<Window> idleWindows(const Simulation &simulation, int32_t rank);

struct ActivationPoint {
  double time = 0;
  int64_t held = 0; ///< From `time` on.
  bool operator==(const ActivationPoint &) const = default;
};

/// Activations that a rank holds over time: one per forward from its start to the end of what
/// releases it. Every change is a point, also two at one time.
std::vector<ActivationPoint> activationCurve(const Schedule &schedule, const Simulation &simulation,
                                             int32_t rank, Release release = Release::Weight);

} // namespace recast::schedule
