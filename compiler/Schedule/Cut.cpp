#include "compiler/Schedule/Cut.h"

#include "compiler/Schedule/Needs.h"
#include "compiler/Schedule/Stuck.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// What has run, by stage and microbatch, and the state of every stage at the cut.
class CutReader {
public:
  CutReader(const Schedule &schedule, const Versions &versions, const CutPosition &position)
      : schedule_(schedule), versions_(versions), position_(position), space_(schedule),
        done_(static_cast<size_t>(space_.slots()), 0) {
    cut_.stages.resize(schedule.rankOf.size());
    for (size_t s = 0; s < cut_.stages.size(); ++s)
      cut_.stages[s].rank = schedule.rankOf[s];
  }

  Result<Cut> run() {
    for (size_t r = 0; r < position_.size(); ++r) {
      for (size_t i = 0; i < position_[r]; ++i)
        step(schedule_.actions[r][i]);
      findStashed(r);
    }
    RECAST_TRY(checkCauses());
    for (int32_t s = 0; s < schedule_.stages(); ++s)
      for (int32_t b = 0; b < schedule_.microbatches; ++b)
        readPass({s, b});
    for (int32_t b = 0; b < schedule_.microbatches; ++b)
      if (isInFlight(b))
        cut_.inFlight.push_back(b);
    return std::move(cut_);
  }

private:
  bool has(Pass pass, uint8_t bits) const {
    return done_[static_cast<size_t>(space_.slot(pass.stage, pass.microbatch))] & bits;
  }
  bool isDone(const Need &need) const {
    return has(need.pass, need.isBackward ? kAnyBackward : bit(ActionKind::Forward));
  }
  /// Whether the backward is over, weight part included.
  bool isBack(Pass pass) const {
    return has(pass, bit(ActionKind::Backward) | bit(ActionKind::BackwardWeight));
  }

  void step(const Action &action) {
    StageCut &stage = cut_.stages[static_cast<size_t>(action.stage)];
    if (isCompute(action.kind))
      done_[static_cast<size_t>(space_.slot(action.stage, action.microbatch))] |= bit(action.kind);
    switch (action.kind) {
    case ActionKind::Backward:
    case ActionKind::BackwardWeight:
      stage.gradients.push_back(action.microbatch);
      break;
    case ActionKind::OptimizerStep:
      stage.gradients.clear();
      ++stage.version;
      break;
    default:
      break;
    }
  }

  /// What the rest of the list sees of versions before the cut's.
  void findStashed(size_t rank) {
    const std::vector<Action> &list = schedule_.actions[rank];
    for (size_t i = position_[rank]; i < list.size(); ++i) {
      ActionKind kind = list[i].kind;
      if (!isCompute(kind) || kind == ActionKind::BackwardWeight)
        continue; // A weight part reads activations and gradients.
      Pass pass{list[i].stage, list[i].microbatch};
      auto sees = kind == ActionKind::Forward ? versions_.forward(pass) : versions_.backward(pass);
      StageCut &stage = cut_.stages[static_cast<size_t>(pass.stage)];
      if (!sees || sees->version >= stage.version)
        continue;
      if (sees->ahead == 0)
        stage.stashed.push_back(sees->version);
      else if (!stage.lostPrediction)
        stage.lostPrediction = pass.microbatch;
    }
    for (StageCut &stage : cut_.stages)
      if (stage.rank == static_cast<int32_t>(rank)) {
        std::ranges::sort(stage.stashed);
        auto [first, last] = std::ranges::unique(stage.stashed);
        stage.stashed.erase(first, last);
        std::ranges::sort(stage.gradients);
      }
  }

  Status checkCauses() const {
    std::optional<Need> missing;
    for (size_t r = 0; r < position_.size(); ++r)
      for (size_t i = 0; i < position_[r]; ++i) {
        forEachNeed(schedule_.actions[r][i], schedule_.stages(), [&](const Need &need) {
          if (!isDone(need))
            missing = need;
        });
        if (missing)
          return badInput(fmt::format(
              "no run stops there: {} has run, but not {}, which it needs (rank {} is at {})",
              placeText(schedule_, {static_cast<int32_t>(r), i}), needText(*missing),
              schedule_.rankOf[static_cast<size_t>(missing->pass.stage)],
              position_[static_cast<size_t>(
                  schedule_.rankOf[static_cast<size_t>(missing->pass.stage)])]));
      }
    return {};
  }

  void readPass(Pass pass) {
    StageCut &stage = cut_.stages[static_cast<size_t>(pass.stage)];
    bool isForward = has(pass, bit(ActionKind::Forward));
    if (isForward && !isBack(pass)) {
      Seen saw = versions_.forward(pass).value_or(Seen{});
      Replay replay = Replay::Exact;
      if (has(pass, bit(ActionKind::BackwardInput)))
        replay = Replay::Split;
      else if (saw.ahead > 0)
        replay = Replay::Predicted;
      else if (saw.version != stage.version &&
               !std::ranges::binary_search(stage.stashed, saw.version))
        replay = Replay::Older;
      stage.held.push_back({pass, saw, replay});
    }
    Pass next{pass.stage + 1, pass.microbatch}, before{pass.stage - 1, pass.microbatch};
    if (isForward && next.stage < schedule_.stages() && !has(next, bit(ActionKind::Forward)))
      cut_.transit.push_back({next, false});
    if (has(pass, kAnyBackward) && pass.stage > 0 && !has(before, kAnyBackward))
      cut_.transit.push_back({before, true});
  }

  bool isInFlight(int32_t microbatch) const {
    bool isBegun = false, isOver = true;
    for (int32_t s = 0; s < schedule_.stages(); ++s) {
      isBegun |= has({s, microbatch}, bit(ActionKind::Forward));
      isOver &= isBack({s, microbatch});
    }
    return isBegun && !isOver;
  }

  const Schedule &schedule_;
  const Versions &versions_;
  const CutPosition &position_;
  const EventSpace space_;
  std::vector<uint8_t> done_;
  Cut cut_;
};

} // namespace

bool Cut::isConsistent() const {
  return std::ranges::all_of(
      stages, [&](const StageCut &stage) { return stage.version == stages.front().version; });
}

bool Cut::isDrained() const {
  return inFlight.empty() &&
         std::ranges::all_of(stages, [](const StageCut &stage) { return stage.gradients.empty(); });
}

bool Cut::isExact() const {
  return isDrained() && std::ranges::all_of(stages, [](const StageCut &stage) {
           return stage.stashed.empty() && !stage.lostPrediction;
         });
}

Result<Cut> cutAt(const Schedule &schedule, const Versions &versions, const CutPosition &position) {
  RECAST_TRY(checkLists(schedule));
  if (position.size() != schedule.actions.size())
    return usage(fmt::format("a cut has one position per rank, {}, not {}", schedule.ranks,
                             position.size()));
  for (size_t r = 0; r < position.size(); ++r) {
    const std::vector<Action> &list = schedule.actions[r];
    if (position[r] > list.size())
      return usage(fmt::format("a cut at position {} of rank {}, whose list has {}", position[r], r,
                               list.size()));
    if (position[r] > 0 && list[position[r] - 1].overlapsNext)
      return usage(
          fmt::format("a cut at position {} of rank {} is between the two of a pair, which "
                      "run as one",
                      position[r], r));
  }
  return CutReader(schedule, versions, position).run();
}

} // namespace recast::schedule
