#include "compiler/Schedule/Simulate.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Stuck.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <memory>
#include <optional>

namespace recast::schedule {
namespace {

/// One run of the lists with times. State is by slot: stage * microbatches + microbatch.
class Clock {
public:
  Clock(const Schedule &schedule, const SimulateOptions &options, Simulation &out)
      : schedule_(schedule), options_(options), out_(out), events_(schedule), runner_(schedule),
        hasComms_(hasCommunication(schedule)) {
    auto slots = static_cast<size_t>(events_.slots());
    done_.assign(slots, 0);
    forwardAt_ = std::make_unique_for_overwrite<double[]>(slots);
    backwardAt_ = std::make_unique_for_overwrite<double[]>(slots);
    if (hasComms_)
      for (auto &posts : postAt_)
        posts = std::make_unique_for_overwrite<double[]>(slots);
    for (size_t kind = 0; kind < std::size(cost_); ++kind)
      cost_[kind] = options.costs.of(static_cast<ActionKind>(kind));
    factor_ = options.costs.stageFactor;
    factor_.resize(schedule.rankOf.size(), 1);
    auto ranks = static_cast<size_t>(schedule.ranks);
    now_.assign(ranks, 0);
    held_.assign(ranks, 0);
    out_.ranks.assign(ranks, {});
    for (const std::vector<Action> &list : schedule.actions) {
      out_.start.emplace_back(list.size());
      out_.end.emplace_back(list.size());
    }
  }

  Status run() {
    bool isDone = runner_.run([this](int32_t rank, size_t index) { return step(rank, index); });
    if (isDone)
      return {};
    if (doubled_)
      return badInput(
          fmt::format("{} has run before: an action runs once", placeText(schedule_, *doubled_)));
    Stuck stuck = explainStuck(schedule_, runner_);
    return badInput((stuck.isCircle ? "the lists wait for each other: " : "the lists stop: ") +
                    stuck.message);
  }

private:
  using Outcome = ListRunner::Outcome;

  Outcome step(int32_t rank, size_t index) {
    auto r = static_cast<size_t>(rank);
    const Action &first = schedule_.actions[r][index];
    double start = now_[r];
    if (Event waits = ready(first, rank, start); waits != kNoEvent)
      return Outcome::waitsFor(waits);
    double takes = duration(first);
    int count = 1;
    if (first.overlapsNext) {
      const Action &second = schedule_.actions[r][index + 1];
      if (Event waits = ready(second, rank, start); waits != kNoEvent)
        return Outcome::waitsFor(waits);
      takes = options_.costs.overlap * (takes + duration(second));
      count = 2;
    }
    double end = start + takes;
    for (size_t i = index; i < index + static_cast<size_t>(count); ++i) {
      out_.start[r][i] = start;
      out_.end[r][i] = end;
      if (!finish(schedule_.actions[r][i], rank, end)) {
        doubled_ = Place{rank, i};
        return Outcome::fails();
      }
    }
    RankTimes &times = out_.ranks[r];
    if (takes > 0) {
      if (times.busy == 0)
        times.first = start;
      times.last = end;
      times.busy += takes;
    }
    now_[r] = end;
    return {count, kNoEvent};
  }

  double duration(const Action &action) const {
    return cost_[static_cast<size_t>(action.kind)] * factor_[static_cast<size_t>(action.stage)];
  }

  bool has(int64_t slot, uint8_t bits) const { return done_[static_cast<size_t>(slot)] & bits; }

  /// Puts `start` off until the data is there, or says what is still to happen.
  Event ready(const Action &action, int32_t rank, double &start) const {
    if (action.kind > ActionKind::SendBackward)
      return kNoEvent;
    int64_t slot = events_.slot(action.stage, action.microbatch);
    switch (action.kind) {
    case ActionKind::Forward:
      return action.stage == 0 ? kNoEvent
                               : arrived(slot, slot - events_.microbatches, action.stage - 1, rank,
                                         ActionKind::Forward, start);
    case ActionKind::Backward:
    case ActionKind::BackwardInput:
      if (!has(slot, bit(ActionKind::Forward)))
        return EventSpace::event(slot, ActionKind::Forward);
      return action.stage == events_.stages - 1
                 ? kNoEvent
                 : arrived(slot, slot + events_.microbatches, action.stage + 1, rank,
                           ActionKind::Backward, start);
    case ActionKind::BackwardWeight:
      return has(slot, bit(ActionKind::BackwardInput))
                 ? kNoEvent
                 : EventSpace::event(slot, ActionKind::BackwardInput);
    case ActionKind::SendForward:
      return has(slot, bit(ActionKind::Forward)) ? kNoEvent
                                                 : EventSpace::event(slot, ActionKind::Forward);
    case ActionKind::SendBackward:
      return has(slot, kAnyBackward) ? kNoEvent : EventSpace::event(slot, ActionKind::Backward);
    default:
      return kNoEvent;
    }
  }

  /// The output of stage `from` (slot `source`) for `slot` of `rank`; `kind` Forward or Backward.
  Event arrived(int64_t slot, int64_t source, int32_t from, int32_t rank, ActionKind kind,
                double &start) const {
    bool isForward = kind == ActionKind::Forward;
    bool isNear = schedule_.rankOf[static_cast<size_t>(from)] == rank;
    if (!isNear && hasComms_) {
      ActionKind send = isForward ? ActionKind::SendForward : ActionKind::SendBackward;
      ActionKind receive = isForward ? ActionKind::ReceiveForward : ActionKind::ReceiveBackward;
      if (!has(slot, bit(receive)))
        return EventSpace::event(slot, receive);
      if (!has(source, bit(send)))
        return EventSpace::event(source, send);
      start = std::max(start,
                       std::max(posted(slot, receive), posted(source, send)) + options_.costs.comm);
      return kNoEvent;
    }
    if (!has(source, isForward ? bit(kind) : kAnyBackward))
      return EventSpace::event(source, kind);
    double made = (isForward ? forwardAt_ : backwardAt_)[static_cast<size_t>(source)];
    start = std::max(start, isNear ? made : made + options_.costs.comm);
    return kNoEvent;
  }

  static size_t postIndex(ActionKind kind) {
    return static_cast<size_t>(kind) - static_cast<size_t>(ActionKind::SendForward);
  }
  double posted(int64_t slot, ActionKind kind) const {
    return postAt_[postIndex(kind)][static_cast<size_t>(slot)];
  }

  /// False where it happened before.
  bool finish(const Action &action, int32_t rank, double end) {
    if (action.kind > ActionKind::ReceiveBackward)
      return true;
    int64_t slot = events_.slot(action.stage, action.microbatch);
    auto at = static_cast<size_t>(slot), r = static_cast<size_t>(rank);
    uint8_t same = bit(action.kind) & kAnyBackward ? kAnyBackward : bit(action.kind);
    if (done_[at] & same)
      return false;
    done_[at] |= bit(action.kind);
    switch (action.kind) {
    case ActionKind::Forward:
      forwardAt_[at] = end;
      out_.ranks[r].peakActivations = std::max(out_.ranks[r].peakActivations, ++held_[r]);
      break;
    case ActionKind::Backward:
    case ActionKind::BackwardInput:
      backwardAt_[at] = end;
      break;
    case ActionKind::BackwardWeight:
      break;
    default:
      postAt_[postIndex(action.kind)][at] = end;
    }
    if (releases(action.kind, options_.release))
      --held_[r];
    wake(action, slot);
    return true;
  }

  /// Only the next stage waits for what goes forward, only the one before for what goes back.
  void wake(const Action &action, int64_t slot) {
    bool isForward = action.kind == ActionKind::Forward || action.kind == ActionKind::SendForward;
    bool isBackward = action.kind == ActionKind::Backward ||
                      action.kind == ActionKind::BackwardInput ||
                      action.kind == ActionKind::SendBackward;
    // A neighbour waits for either kind of backward by the name of the whole one.
    ActionKind kind = action.kind == ActionKind::BackwardInput ? ActionKind::Backward : action.kind;
    if (isForward && action.stage + 1 < events_.stages)
      runner_.happened(EventSpace::event(slot, kind),
                       schedule_.rankOf[static_cast<size_t>(action.stage) + 1]);
    else if (isBackward && action.stage > 0)
      runner_.happened(EventSpace::event(slot, kind),
                       schedule_.rankOf[static_cast<size_t>(action.stage) - 1]);
  }

  const Schedule &schedule_;
  const SimulateOptions &options_;
  Simulation &out_;
  const EventSpace events_;
  ListRunner runner_;
  const bool hasComms_;
  double cost_[static_cast<size_t>(ActionKind::Restore) + 1];
  std::vector<double> factor_;
  std::vector<uint8_t> done_;                        ///< By slot: bits of kinds.
  std::unique_ptr<double[]> forwardAt_, backwardAt_; ///< By slot: ends.
  std::unique_ptr<double[]> postAt_[4];              ///< By kind and slot, where there are any.
  std::vector<double> now_;                          ///< By rank.
  std::vector<int64_t> held_;                        ///< By rank: activations.
  std::optional<Place> doubled_;
};

} // namespace

bool releases(ActionKind kind, Release release) {
  return kind == ActionKind::Backward ||
         kind ==
             (release == Release::Weight ? ActionKind::BackwardWeight : ActionKind::BackwardInput);
}

double Simulation::busy() const {
  double out = 0;
  for (const RankTimes &rank : ranks)
    out += rank.busy;
  return out;
}

double Simulation::spanBubble() const {
  double out = 0;
  for (const RankTimes &rank : ranks)
    out = std::max(out, rank.spanBubble());
  return out;
}

double Simulation::makespanBubble() const {
  double out = 0;
  for (const RankTimes &rank : ranks)
    out = std::max(out, rank.makespanBubble(makespan));
  return out;
}

double Simulation::idleShare() const {
  double all = makespan * static_cast<double>(ranks.size());
  return all > 0 ? 1 - busy() / all : 0;
}

int64_t Simulation::peakActivations() const {
  int64_t out = 0;
  for (const RankTimes &rank : ranks)
    out = std::max(out, rank.peakActivations);
  return out;
}

Result<Simulation> simulate(const Schedule &schedule, const SimulateOptions &options) {
  RECAST_TRY(checkLists(schedule));
  RECAST_TRY(checkCosts(options.costs, schedule.stages()));
  Simulation out;
  RECAST_TRY(Clock(schedule, options, out).run());
  for (const RankTimes &rank : out.ranks)
    out.makespan = std::max(out.makespan, rank.last);
  // Times only grow: had a part overflown, so would these.
  if (!std::isfinite(out.makespan * static_cast<double>(schedule.ranks)) ||
      !std::isfinite(out.busy()))
    return usage("the costs add up to more than a double holds");
  return out;
}

} // namespace recast::schedule
