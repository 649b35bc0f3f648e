#include "compiler/Schedule/Updates.h"

#include <algorithm>

namespace recast::schedule {
namespace {

bool endsStep(ActionKind kind) {
  return kind == ActionKind::Backward || kind == ActionKind::BackwardWeight ||
         kind == ActionKind::ReduceGradient;
}

} // namespace

Schedule withOptimizerSteps(Schedule schedule) {
  for (const std::vector<Action> &list : schedule.actions)
    if (std::ranges::find(list, ActionKind::OptimizerStep, &Action::kind) != list.end())
      return schedule;
  std::vector<size_t> last(schedule.rankOf.size());
  for (std::vector<Action> &list : schedule.actions) {
    for (size_t i = 0; i < list.size(); ++i)
      if (endsStep(list[i].kind))
        last[static_cast<size_t>(list[i].stage)] = i;
    std::vector<Action> out;
    out.reserve(list.size() + static_cast<size_t>(schedule.chunks));
    for (size_t i = 0; i < list.size(); ++i) {
      out.push_back(list[i]);
      // A pair ends in its backward, so nothing comes between its two.
      if (endsStep(list[i].kind) && last[static_cast<size_t>(list[i].stage)] == i)
        out.push_back({ActionKind::OptimizerStep, false, list[i].stage});
    }
    list = std::move(out);
  }
  return schedule;
}

} // namespace recast::schedule
