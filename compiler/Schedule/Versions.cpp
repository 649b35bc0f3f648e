#include "compiler/Schedule/Versions.h"

#include "compiler/Schedule/Lag.h"
#include "compiler/Schedule/StageWeights.h"
#include "compiler/Schedule/Stuck.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

constexpr int32_t kNone = -1;

} // namespace

class VersionReader {
public:
  VersionReader(const Schedule &schedule, Versions &out) : schedule_(schedule), out_(out) {
    bool hasWeightActions = false;
    for (const std::vector<Action> &list : schedule.actions)
      for (const Action &action : list) {
        hasWeightActions |= hasValue(action.kind);
        out.predicts |= action.kind == ActionKind::Predict && action.value > 0;
      }
    size_t slots = schedule.rankOf.size() * static_cast<size_t>(schedule.microbatches);
    out.microbatches_ = schedule.microbatches;
    out.updates.assign(schedule.rankOf.size(), 0);
    out.applied_.assign(slots, kNone);
    for (Versions::Passes *passes : {&out.forward_, &out.backward_}) {
      passes->latest.assign(slots, kNone);
      if (hasWeightActions)
        passes->version.assign(slots, kNone);
      if (out.predicts)
        passes->ahead.assign(slots, 0);
    }
    stages_.resize(schedule.rankOf.size());
    hasWeightActions_ = hasWeightActions;
  }

  Status run() {
    for (int32_t rank = 0; rank < schedule_.ranks; ++rank)
      RECAST_TRY(readList(rank));
    for (size_t s = 0; s < stages_.size(); ++s)
      out_.updates[s] = stages_[s].weights.latest();
    return {};
  }

private:
  /// One stage as its list goes on.
  struct Stage {
    StageWeights weights;
    std::vector<int32_t> pending; ///< Microbatches whose gradients wait for an update.
  };

  Stage &of(const Action &action) { return stages_[static_cast<size_t>(action.stage)]; }

  Status readList(int32_t rank) {
    const std::vector<Action> &list = schedule_.actions[static_cast<size_t>(rank)];
    if (hasWeightActions_)
      for (size_t i = 0; i < list.size(); ++i)
        of(list[i]).weights.count(list[i], i);
    held_ = std::ranges::count(schedule_.rankOf, rank);
    WeightCopies copies{held_, 0};
    for (size_t i = 0; i < list.size(); ++i) {
      RECAST_TRY(step(list[i], {rank, i}));
      if (held_ > copies.peak)
        copies = {held_, i};
    }
    out_.copies.push_back(copies);
    return {};
  }

  Status step(const Action &action, Place place) {
    Stage &stage = of(action);
    switch (action.kind) {
    case ActionKind::Forward:
      return pass(action, place, stage.weights, out_.forward_);
    case ActionKind::Backward:
      stage.pending.push_back(action.microbatch);
      return pass(action, place, stage.weights, out_.backward_);
    case ActionKind::BackwardInput:
      return pass(action, place, stage.weights, out_.backward_);
    case ActionKind::BackwardWeight:
      stage.pending.push_back(action.microbatch);
      return {};
    case ActionKind::OptimizerStep:
    case ActionKind::Stash:
    case ActionKind::Predict:
    case ActionKind::Restore:
      return change(action, place, stage);
    default:
      return {};
    }
  }

  Status pass(const Action &action, Place place, const StageWeights &weights,
              Versions::Passes &passes) {
    size_t slot = out_.slot({action.stage, action.microbatch});
    if (passes.latest[slot] != kNone)
      return badInput(
          fmt::format("{} has run before: an action runs once", placeText(schedule_, place)));
    passes.latest[slot] = weights.latest();
    if (hasWeightActions_)
      passes.version[slot] = weights.version();
    if (out_.predicts)
      passes.ahead[slot] = weights.ahead();
    return {};
  }

  Status change(const Action &action, Place place, Stage &stage) {
    int32_t before = stage.weights.copies();
    if (auto wrong = stage.weights.apply(action, place.index))
      return badInput(fmt::format("{} {}", placeText(schedule_, place), *wrong));
    held_ += stage.weights.copies() - before;
    if (action.kind != ActionKind::OptimizerStep)
      return {};
    for (int32_t microbatch : stage.pending)
      out_.applied_[out_.slot({action.stage, microbatch})] = stage.weights.latest();
    stage.pending.clear();
    return {};
  }

  const Schedule &schedule_;
  Versions &out_;
  std::vector<Stage> stages_;
  bool hasWeightActions_ = false;
  int64_t held_ = 0; ///< Copies of the rank that is being read.
};

std::optional<Seen> Versions::seen(Pass pass, const Passes &passes) const {
  size_t at = slot(pass);
  int32_t latest = passes.latest[at];
  if (latest == kNone)
    return std::nullopt;
  return Seen{passes.version.empty() ? latest : passes.version[at],
              passes.ahead.empty() ? 0 : passes.ahead[at], latest};
}

std::optional<int32_t> Versions::lag(Pass pass) const {
  size_t at = slot(pass);
  if (forward_.latest[at] == kNone || backward_.latest[at] == kNone)
    return std::nullopt;
  return backward_.latest[at] - forward_.latest[at];
}

std::optional<int32_t> Versions::appliedIn(Pass pass) const {
  int32_t version = applied_[slot(pass)];
  return version == kNone ? std::nullopt : std::optional(version);
}

std::optional<int64_t> Versions::delay(Pass pass) const {
  auto saw = forward(pass);
  auto applied = appliedIn(pass);
  if (!saw || !applied)
    return std::nullopt;
  return *applied - 1 - saw->aim();
}

Result<Versions> versionsOf(const Schedule &schedule) {
  RECAST_TRY(checkLists(schedule));
  Versions out;
  RECAST_TRY(VersionReader(schedule, out).run());
  return out;
}

VersionSummary summarize(const Versions &versions) {
  VersionSummary out;
  for (int32_t stage = 0; stage < versions.stages(); ++stage)
    for (int32_t b = 0; b < versions.microbatches(); ++b) {
      Pass pass{stage, b};
      out.largestLag = std::max(out.largestLag, versions.lag(pass).value_or(0));
      out.largestDelay = std::max(out.largestDelay, versions.delay(pass).value_or(int64_t{0}));
      auto saw = versions.forward(pass), then = versions.backward(pass);
      if (!out.differsInBackward && saw && then && saw->aim() != then->aim())
        out.differsInBackward = pass;
      if (auto first = versions.forward({0, b});
          !out.differsFromFirstStage && saw && first && saw->aim() != first->aim())
        out.differsFromFirstStage = pass;
    }
  return out;
}

std::vector<LagError> lagErrors(const Schedule &schedule, const Versions &versions,
                                const WeightPolicy &weights) {
  std::vector<LagError> out;
  if (weights.lagRule == LagRule::Derived)
    return out;
  int32_t every = schedule.updateEvery == 0 ? schedule.microbatches : schedule.updateEvery;
  for (int32_t stage = 0; stage < versions.stages(); ++stage) {
    int32_t rank = schedule.rankOf[static_cast<size_t>(stage)];
    Lag lag = constantLag(weights.lagRule, schedule.ranks, rank, every, weights.lag);
    for (int32_t b = 0; b < versions.microbatches(); ++b) {
      auto derived = versions.lag({stage, b});
      if (!derived)
        continue;
      // The rest of an XPipe mini-batch aims where its first forward did.
      int32_t forward = lag.forward;
      if (auto first = versions.forward({stage, b / every * every});
          weights.lagRule == LagRule::XPipe && first)
        forward = std::max(forward - (versions.forward({stage, b})->latest - first->latest), 0);
      // A rule that predicts before the backward too aims at what that sees.
      if (int32_t constant = forward - lag.backward; constant != *derived)
        out.push_back({{stage, b}, constant, *derived});
    }
  }
  return out;
}

} // namespace recast::schedule
