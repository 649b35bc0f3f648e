// What the passes of explicit lists see of the weights, read off as the words of Schedule.h say it:
// the plain way that fast ones are held against.
#pragma once

#include "compiler/Schedule/Versions.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <tuple>

namespace recast::schedule {

struct Walk {
  /// By stage, microbatch, kind.
  std::map<std::tuple<int32_t, int32_t, ActionKind>, Seen> seen;
  /// By stage and microbatch: the version to which the update goes that first has its gradient.
  std::map<std::pair<int32_t, int32_t>, int32_t> appliedBy;
  std::vector<size_t> copies; ///< By rank: the most weights held at once.
};

/// Fails the test where an action is not possible.
inline Walk walk(const Schedule &schedule) {
  Walk out;
  for (const std::vector<Action> &list : schedule.actions) {
    struct Stage {
      int32_t latest = 0, base = 0, ahead = 0;
      std::set<int32_t> stashed;
      std::vector<int32_t> waiting;
    };
    std::map<int32_t, Stage> stages;
    for (const Action &action : list)
      stages[action.stage];
    size_t most = 0;
    for (size_t i = 0; i < list.size(); ++i) {
      const Action &action = list[i];
      Stage &stage = stages[action.stage];
      switch (action.kind) {
      case ActionKind::OptimizerStep:
        for (int32_t b : stage.waiting)
          out.appliedBy[{action.stage, b}] = stage.latest + 1;
        stage.waiting.clear();
        if (stage.ahead == 0 && stage.base == stage.latest)
          ++stage.base;
        ++stage.latest;
        break;
      case ActionKind::Stash:
        EXPECT_EQ(action.value, stage.latest);
        stage.stashed.insert(action.value);
        break;
      case ActionKind::Predict:
        stage.base = stage.latest, stage.ahead = action.value;
        break;
      case ActionKind::Restore:
        EXPECT_TRUE(action.value == stage.latest || stage.stashed.contains(action.value));
        stage.base = action.value, stage.ahead = 0;
        break;
      default:
        if (!isCompute(action.kind))
          break;
        out.seen[{action.stage, action.microbatch, action.kind}] = {stage.base, stage.ahead,
                                                                    stage.latest};
        if (action.kind == ActionKind::Backward || action.kind == ActionKind::BackwardWeight)
          stage.waiting.push_back(action.microbatch);
      }
      size_t held = 0;
      for (auto &[id, state] : stages) {
        std::set<int32_t> versions = {state.latest};
        for (int32_t version : state.stashed) {
          auto names = [&](const Action &later) {
            return later.kind == ActionKind::Restore && later.stage == id && later.value == version;
          };
          // Restored and not yet left, or restored later.
          bool isActive = state.ahead == 0 && state.base == version;
          if (isActive ||
              std::any_of(list.begin() + static_cast<ptrdiff_t>(i) + 1, list.end(), names))
            versions.insert(version);
        }
        held += versions.size() + (state.ahead > 0);
      }
      most = std::max(most, held);
    }
    out.copies.push_back(most);
  }
  return out;
}

} // namespace recast::schedule
