#include "compiler/Schedule/Comms.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/Unshard.h"

#include <algorithm>
#include <fmt/format.h>
#include <queue>

namespace recast::schedule {
namespace {

bool isBackwardPass(ActionKind kind) {
  return kind == ActionKind::Backward || kind == ActionKind::BackwardInput;
}

std::vector<Action> withReduceGradient(const std::vector<Action> &list, int32_t microbatches,
                                       std::vector<int32_t> &backwards) {
  std::vector<Action> out, after;
  out.reserve(list.size() + 4);
  for (const Action &action : list) {
    out.push_back(action);
    bool isLast =
        (action.kind == ActionKind::Backward || action.kind == ActionKind::BackwardWeight) &&
        ++backwards[static_cast<size_t>(action.stage)] == microbatches;
    if (isLast)
      after.push_back({ActionKind::ReduceGradient, false, action.stage});
    if (action.overlapsNext)
      continue; // Nothing comes between the two of a pair.
    out.insert(out.end(), after.begin(), after.end());
    after.clear();
  }
  return out;
}

/// Ranks take turns; one whose next cell lacks its input is out until a pass on another rank brings
/// it.
class SendReceive {
public:
  explicit SendReceive(const Schedule &in)
      : in_(in), places_(static_cast<size_t>(in.ranks)),
        done_(2 * static_cast<size_t>(in.stages()) * static_cast<size_t>(in.microbatches)) {}

  Result<std::vector<std::vector<Action>>> run() {
    out_.resize(in_.actions.size());
    for (int32_t r = 0; r < in_.ranks; ++r)
      turns_.push({0, r});
    size_t left = 0;
    for (const std::vector<Action> &list : in_.actions)
      left += list.size();
    while (!turns_.empty()) {
      Turn turn = turns_.top();
      turns_.pop();
      left -= take(turn);
    }
    if (left > 0)
      return stuck();
    return std::move(out_);
  }

private:
  struct Turn {
    uint64_t round;
    int32_t rank;
    bool operator>(const Turn &other) const {
      return round != other.round ? round > other.round : rank > other.rank;
    }
  };

  /// Whether the pass of (stage, microbatch) has run. Where its next stage is on another rank, the
  /// receive was placed in the same moment.
  auto done(bool forward, int32_t stage, int32_t microbatch) {
    return done_[(static_cast<size_t>(stage) * 2 + forward) *
                     static_cast<size_t>(in_.microbatches) +
                 static_cast<size_t>(microbatch)];
  }
  /// What has to run before; the same action where nothing has.
  Action needs(const Action &action) const {
    Action before = action;
    if (action.kind == ActionKind::Forward && action.stage > 0)
      --before.stage;
    else if (isBackwardPass(action.kind) && action.stage < in_.stages() - 1)
      ++before.stage;
    return before;
  }
  bool isReady(const Action &action) {
    Action before = needs(action);
    return before == action ||
           done(action.kind == ActionKind::Forward, before.stage, before.microbatch);
  }

  /// One cell of a rank, if it is ready: how many actions.
  size_t take(Turn turn) {
    const std::vector<Action> &list = in_.actions[static_cast<size_t>(turn.rank)];
    size_t &place = places_[static_cast<size_t>(turn.rank)].next;
    bool &isOut = places_[static_cast<size_t>(turn.rank)].isOut;
    if (place == list.size())
      return 0;
    size_t end = place + (list[place].overlapsNext ? 2 : 1), count = end - place;
    for (size_t i = place; i < end; ++i)
      if (!isReady(list[i])) {
        isOut = true;
        return 0;
      }
    std::vector<Action> &out = out_[static_cast<size_t>(turn.rank)];
    out.insert(out.end(), list.begin() + static_cast<ptrdiff_t>(place),
               list.begin() + static_cast<ptrdiff_t>(end));
    for (; place < end; ++place)
      finish(list[place], turn);
    turns_.push({turn.round + 1, turn.rank});
    return count;
  }

  void finish(const Action &action, Turn turn) {
    bool forward = action.kind == ActionKind::Forward;
    if (!forward && !isBackwardPass(action.kind))
      return;
    done(forward, action.stage, action.microbatch) = true;
    int32_t peer = action.stage + (forward ? 1 : -1);
    if (peer < 0 || peer == in_.stages() || in_.rankOf[static_cast<size_t>(peer)] == turn.rank)
      return;
    int32_t rank = in_.rankOf[static_cast<size_t>(peer)];
    out_[static_cast<size_t>(turn.rank)].push_back(
        {forward ? ActionKind::SendForward : ActionKind::SendBackward, false, action.stage,
         action.microbatch});
    out_[static_cast<size_t>(rank)].push_back(
        {forward ? ActionKind::ReceiveForward : ActionKind::ReceiveBackward, false, peer,
         action.microbatch});
    bool &isOut = places_[static_cast<size_t>(rank)].isOut;
    if (isOut)
      turns_.push({rank > turn.rank ? turn.round : turn.round + 1, rank});
    isOut = false;
  }

  tl::unexpected<Error> stuck() {
    for (size_t r = 0; r < places_.size(); ++r) {
      const std::vector<Action> &list = in_.actions[r];
      for (size_t i = places_[r].next; i < list.size(); ++i)
        if (!isReady(list[i]))
          return badInput(
              fmt::format("ranks wait for each other: rank {} cannot run '{}', for which "
                          "'{}' has to run first, on rank {}",
                          r, str(list[i]), str(needs(list[i])),
                          in_.rankOf[static_cast<size_t>(needs(list[i]).stage)]));
    }
    return internal("a schedule neither ends nor waits");
  }

  struct Place {
    size_t next = 0;
    bool isOut = false; ///< Without a turn until an input comes.
  };
  const Schedule &in_;
  std::vector<std::vector<Action>> out_;
  std::vector<Place> places_;
  std::vector<bool> done_;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
};

} // namespace

bool isComputeOnly(const Schedule &schedule) {
  return std::ranges::all_of(schedule.actions, [](const std::vector<Action> &list) {
    return std::ranges::all_of(list, [](const Action &action) { return isCompute(action.kind); });
  });
}

Schedule computeOnly(const Schedule &schedule) {
  Schedule out = schedule;
  for (std::vector<Action> &list : out.actions)
    std::erase_if(list, [](const Action &action) {
      return action.kind >= ActionKind::SendForward && action.kind <= ActionKind::ReduceGradient;
    });
  return out;
}

Result<Schedule> addComms(const Schedule &schedule) {
  if (!isComputeOnly(schedule))
    return usage(
        "sends and receives are added to lists of F, B, I and W; these have other actions");
  Schedule out = schedule;
  std::vector<int32_t> backwards(schedule.rankOf.size(), 0);
  for (std::vector<Action> &list : out.actions)
    list = withReduceGradient(withUnshard(list), schedule.microbatches, backwards);
  RECAST_ASSIGN(out.actions, SendReceive(out).run());
  return out;
}

} // namespace recast::schedule
