#include "compiler/Schedule/Versions.h"

#include "compiler/Schedule/Lag.h"
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
    states_.resize(schedule.rankOf.size());
    hasWeightActions_ = hasWeightActions;
  }

  Status run() {
    for (int32_t rank = 0; rank < schedule_.ranks; ++rank)
      RECAST_TRY(readList(rank));
    for (size_t s = 0; s < states_.size(); ++s)
      out_.updates[s] = states_[s].latest;
    return {};
  }

private:
  /// One stage as its list goes on.
  struct State {
    int32_t latest = 0, version = 0, ahead = 0;
    std::vector<int32_t> pending; ///< Microbatches whose gradients wait for an update.
    /// By version: the position after that of its last RESTORE, 0: none; whether it was stashed.
    std::vector<size_t> lastRestore;
    std::vector<bool> stashed;
  };

  State &of(const Action &action) { return states_[static_cast<size_t>(action.stage)]; }

  Status readList(int32_t rank) {
    const std::vector<Action> &list = schedule_.actions[static_cast<size_t>(rank)];
    if (hasWeightActions_)
      findRestores(list);
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

  void findRestores(const std::vector<Action> &list) {
    for (const Action &action : list)
      if (action.kind == ActionKind::OptimizerStep)
        ++of(action).latest;
    for (const Action &action : list)
      if (State &state = of(action); state.lastRestore.empty()) {
        state.lastRestore.assign(static_cast<size_t>(state.latest) + 1, 0);
        state.stashed.assign(static_cast<size_t>(state.latest) + 1, false);
        state.latest = 0;
      }
    for (size_t i = 0; i < list.size(); ++i)
      if (list[i].kind == ActionKind::Restore)
        if (State &state = of(list[i]); isVersion(state, list[i].value))
          state.lastRestore[static_cast<size_t>(list[i].value)] = i + 1;
  }

  static bool isVersion(const State &state, int32_t version) {
    return version >= 0 && static_cast<size_t>(version) < state.lastRestore.size();
  }

  Status step(const Action &action, Place place) {
    State &state = of(action);
    switch (action.kind) {
    case ActionKind::Forward:
      return pass(action, place, state, out_.forward_);
    case ActionKind::Backward:
      state.pending.push_back(action.microbatch);
      return pass(action, place, state, out_.backward_);
    case ActionKind::BackwardInput:
      return pass(action, place, state, out_.backward_);
    case ActionKind::BackwardWeight:
      state.pending.push_back(action.microbatch);
      return {};
    case ActionKind::OptimizerStep:
      update(state, action.stage, place.index);
      return {};
    case ActionKind::Stash:
      if (action.value != state.latest)
        return badInput(fmt::format("{} keeps version {}, but the latest there is {}",
                                    placeText(schedule_, place), action.value, state.latest));
      state.stashed[static_cast<size_t>(action.value)] = true;
      return {};
    case ActionKind::Predict:
      activate(state, state.latest, action.value, place.index);
      return {};
    case ActionKind::Restore:
      if (action.value != state.latest &&
          !(isVersion(state, action.value) && state.stashed[static_cast<size_t>(action.value)]))
        return badInput(fmt::format("{} needs version {}, which is neither the latest there, {}, "
                                    "nor stashed",
                                    placeText(schedule_, place), action.value, state.latest));
      activate(state, action.value, 0, place.index);
      return {};
    default:
      return {};
    }
  }

  Status pass(const Action &action, Place place, const State &state, Versions::Passes &passes) {
    size_t slot = out_.slot({action.stage, action.microbatch});
    if (passes.latest[slot] != kNone)
      return badInput(
          fmt::format("{} has run before: an action runs once", placeText(schedule_, place)));
    passes.latest[slot] = state.latest;
    if (hasWeightActions_)
      passes.version[slot] = state.version;
    if (out_.predicts)
      passes.ahead[slot] = state.ahead;
    return {};
  }

  void update(State &state, int32_t stage, size_t index) {
    bool follows = state.ahead == 0 && state.version == state.latest;
    // The version that is left stays where it was stashed and is needed again.
    if (hasWeightActions_ && isKept(state, state.latest, index))
      ++held_;
    ++state.latest;
    if (follows)
      state.version = state.latest;
    for (int32_t microbatch : state.pending)
      out_.applied_[out_.slot({stage, microbatch})] = state.latest;
    state.pending.clear();
  }

  static bool isKept(const State &state, int32_t version, size_t index) {
    auto v = static_cast<size_t>(version);
    return state.stashed[v] && state.lastRestore[v] > index + 1;
  }

  void activate(State &state, int32_t version, int32_t ahead, size_t index) {
    bool wasOld = state.ahead == 0 && state.version != state.latest;
    bool isSame = ahead == 0 && wasOld && version == state.version;
    if (wasOld && !isSame && !isKept(state, state.version, index))
      --held_;
    held_ += (ahead > 0) - (state.ahead > 0);
    state.version = version;
    state.ahead = ahead;
  }

  const Schedule &schedule_;
  Versions &out_;
  std::vector<State> states_; ///< By stage.
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
