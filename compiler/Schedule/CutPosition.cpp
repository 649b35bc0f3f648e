#include "compiler/Schedule/Cut.h"
#include "compiler/Schedule/Needs.h"
#include "compiler/Schedule/Stuck.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

constexpr size_t kNowhere = ~size_t{0};

/// Where every forward and backward (or its input part) stands: the position after it.
class Index {
public:
  explicit Index(const Schedule &schedule) : space_(schedule) {
    for (std::vector<size_t> &positions : after_)
      positions.assign(static_cast<size_t>(space_.slots()), kNowhere);
    for (const std::vector<Action> &list : schedule.actions)
      for (size_t i = 0; i < list.size(); ++i) {
        const Action &action = list[i];
        if (isCompute(action.kind) && action.kind != ActionKind::BackwardWeight)
          at({{action.stage, action.microbatch}, action.kind != ActionKind::Forward}) = i + 1;
      }
  }
  size_t after(const Need &need) { return at(need); }

private:
  size_t &at(const Need &need) {
    return after_[need.isBackward]
                 [static_cast<size_t>(space_.slot(need.pass.stage, need.pass.microbatch))];
  }
  const EventSpace space_;
  std::vector<size_t> after_[2];
};

bool isBackward(ActionKind kind) {
  return kind == ActionKind::Backward || kind == ActionKind::BackwardInput ||
         kind == ActionKind::BackwardWeight;
}

/// Past the updates, reductions and sends that stand before the next pass.
size_t withUpdates(const std::vector<Action> &list, size_t from) {
  size_t out = from;
  for (size_t i = from; i < list.size() && !isCompute(list[i].kind); ++i)
    if (list[i].kind == ActionKind::OptimizerStep || list[i].kind == ActionKind::ReduceGradient ||
        isSend(list[i].kind))
      out = i + 1;
  return out;
}

} // namespace

Result<CutPosition> cutAfterMicrobatch(const Schedule &schedule, int32_t microbatch) {
  RECAST_TRY(checkLists(schedule));
  if (microbatch < 0 || microbatch >= schedule.microbatches)
    return usage(fmt::format("no microbatch {} to cut after; there are {}, from 0", microbatch,
                             schedule.microbatches));
  Index index(schedule);
  for (int32_t stage = 0; stage < schedule.stages(); ++stage)
    for (int32_t b = 0; b <= microbatch; ++b)
      if (index.after({{stage, b}, true}) == kNowhere)
        return badInput(
            fmt::format("the backward of microbatch {} through stage {} is in no list", b, stage));
  CutPosition out(schedule.actions.size(), 0), seen(schedule.actions.size(), 0);
  std::vector<size_t> ranks;
  for (size_t r = 0; r < out.size(); ++r) {
    const std::vector<Action> &list = schedule.actions[r];
    for (size_t i = 0; i < list.size(); ++i)
      if (isBackward(list[i].kind) && list[i].microbatch <= microbatch)
        out[r] = i + 1;
    ranks.push_back(r);
  }
  // Other ranks go on as far as this asks for.
  while (!ranks.empty()) {
    size_t r = ranks.back();
    ranks.pop_back();
    for (size_t &i = seen[r]; i < out[r]; ++i) {
      std::optional<Need> missing;
      forEachNeed(schedule.actions[r][i], schedule.stages(), [&](const Need &need) {
        size_t at = index.after(need);
        if (at == kNowhere) {
          missing = need;
          return;
        }
        auto other = static_cast<size_t>(schedule.rankOf[static_cast<size_t>(need.pass.stage)]);
        at += schedule.actions[other][at - 1].overlapsNext; // Pairs run as one.
        if (at <= out[other])
          return;
        out[other] = at;
        if (other != r)
          ranks.push_back(other);
      });
      if (missing)
        return badInput(fmt::format("{} needs {}, which is in no list",
                                    placeText(schedule, {static_cast<int32_t>(r), i}),
                                    needText(*missing)));
    }
  }
  for (size_t r = 0; r < out.size(); ++r)
    out[r] = withUpdates(schedule.actions[r], out[r]);
  return out;
}

Result<CutPosition> cutAtTime(const Simulation &simulation, double time) {
  if (std::isnan(time))
    return usage("a cut is at a time, not at nan");
  CutPosition out;
  for (const std::vector<double> &ends : simulation.end)
    out.push_back(static_cast<size_t>(std::ranges::upper_bound(ends, time) - ends.begin()));
  return out;
}

} // namespace recast::schedule
