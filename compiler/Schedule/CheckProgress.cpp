// Whether all lists can run to their ends, and whether ranks agree on the order of what they send
// each other.
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Channels.h"
#include "compiler/Schedule/Findings.h"

#include <fmt/format.h>

namespace recast::schedule {
namespace {

using Kind = ActionKind;

/// Sends of one rank to another, and their receives, each in the order of its list.
struct Channel {
  std::vector<Place> sends, receives;
};
using Channels = std::map<std::pair<int32_t, int32_t>, Channel>;

Channels channelsOf(const Schedule &schedule) {
  Channels out;
  for (int32_t rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
    for (size_t i = 0; i < list.size(); ++i) {
      if (!isSend(list[i].kind) && !isReceive(list[i].kind))
        continue;
      int32_t other = schedule.rankOf[static_cast<size_t>(otherStage(list[i]))];
      if (isSend(list[i].kind))
        out[{rank, other}].sends.push_back({rank, i});
      else
        out[{other, rank}].receives.push_back({rank, i});
    }
  }
  return out;
}

const Action &at(const Schedule &schedule, Place place) {
  return schedule.actions[static_cast<size_t>(place.rank)][place.index];
}

/// The receive that belongs to a send, or the other way round.
Action otherEnd(const Action &transfer) {
  constexpr Kind kOther[] = {Kind::ReceiveForward, Kind::SendForward, Kind::ReceiveBackward,
                             Kind::SendBackward};
  size_t index = static_cast<size_t>(transfer.kind) - static_cast<size_t>(Kind::SendForward);
  return {kOther[index], false, otherStage(transfer), transfer.microbatch};
}

/// One run of covered lists (checkCoverage()). Sends wait for room, receives for their sends.
class Progress {
public:
  Progress(const Schedule &schedule, std::optional<int32_t> depth)
      : schedule_(schedule), depth_(depth), events_(schedule), runner_(schedule),
        hasComms_(hasCommunication(schedule)), done_(static_cast<size_t>(events_.slots()), 0) {
    if (!depth || *depth == 0)
      return;
    room_.resize(done_.size() * 2, kNoEvent);
    auto k = static_cast<size_t>(*depth);
    for (const auto &[ranks, channel] : channelsOf(schedule))
      for (size_t i = k; i < channel.sends.size(); ++i)
        roomFor(at(schedule, channel.sends[i])) =
            eventOf(otherEnd(at(schedule, channel.sends[i - k])));
  }

  bool run() {
    return runner_.run([this](int32_t rank, size_t index) { return step(rank, index); });
  }
  const ListRunner &runner() const { return runner_; }

private:
  using Outcome = ListRunner::Outcome;

  Outcome step(int32_t rank, size_t index) {
    const std::vector<Action> &list = schedule_.actions[static_cast<size_t>(rank)];
    size_t count = list[index].overlapsNext ? 2 : 1;
    for (size_t i = index; i < index + count; ++i)
      if (Event waits = waitsFor(list[i]); waits != kNoEvent)
        return Outcome::waitsFor(waits);
    for (size_t i = index; i < index + count; ++i)
      if (list[i].kind <= Kind::ReceiveBackward)
        happen(list[i]);
    return {static_cast<int>(count), kNoEvent};
  }

  Event eventOf(const Action &action) const {
    return EventSpace::event(events_.slot(action.stage, action.microbatch), action.kind);
  }

  /// What of a send's channel has to be received before it; by slot and direction.
  Event &roomFor(const Action &send) {
    auto slot = static_cast<size_t>(events_.slot(send.stage, send.microbatch));
    return room_[2 * slot + (send.kind == Kind::SendBackward)];
  }

  /// The event, unless it has happened. A neighbour's backward is waited for as the whole one.
  Event unless(Kind kind, int32_t stage, int32_t microbatch) const {
    int64_t slot = events_.slot(stage, microbatch);
    uint8_t bits = kind == Kind::Backward ? kAnyBackward : bit(kind);
    return done_[static_cast<size_t>(slot)] & bits ? kNoEvent : EventSpace::event(slot, kind);
  }

  Event dataFrom(int32_t stage, const Action &action, Kind made, Kind receive) const {
    if (stage < 0 || stage >= events_.stages)
      return kNoEvent;
    bool isNear = schedule_.rankOf[static_cast<size_t>(stage)] ==
                  schedule_.rankOf[static_cast<size_t>(action.stage)];
    return hasComms_ && !isNear ? unless(receive, action.stage, action.microbatch)
                                : unless(made, stage, action.microbatch);
  }

  Event waitsFor(const Action &action) {
    switch (action.kind) {
    case Kind::Forward:
      return dataFrom(action.stage - 1, action, Kind::Forward, Kind::ReceiveForward);
    case Kind::Backward:
    case Kind::BackwardInput:
      if (Event own = unless(Kind::Forward, action.stage, action.microbatch); own != kNoEvent)
        return own;
      return dataFrom(action.stage + 1, action, Kind::Backward, Kind::ReceiveBackward);
    case Kind::SendForward:
    case Kind::SendBackward: {
      if (!depth_)
        return kNoEvent;
      if (*depth_ > 0) {
        Event room = roomFor(action);
        return room == kNoEvent ? kNoEvent
                                : unless(events_.action(room).kind, events_.action(room).stage,
                                         events_.action(room).microbatch);
      }
      // The two ends meet: each says that it is there, and waits for the other.
      happen(action);
      Action end = otherEnd(action);
      return unless(end.kind, end.stage, end.microbatch);
    }
    case Kind::ReceiveForward:
    case Kind::ReceiveBackward: {
      if (depth_ && *depth_ == 0)
        happen(action);
      Action end = otherEnd(action);
      return unless(end.kind, end.stage, end.microbatch);
    }
    default:
      return kNoEvent; // Its input part comes before a weight part: checkCoverage().
    }
  }

  void happen(const Action &action) {
    int64_t slot = events_.slot(action.stage, action.microbatch);
    done_[static_cast<size_t>(slot)] |= bit(action.kind);
    bool isForward = action.kind == Kind::Forward || action.kind == Kind::SendForward ||
                     action.kind == Kind::ReceiveBackward;
    int32_t other = isForward ? action.stage + 1 : action.stage - 1;
    if (action.kind == Kind::BackwardWeight || other < 0 || other >= events_.stages)
      return;
    Kind kind = action.kind == Kind::BackwardInput ? Kind::Backward : action.kind;
    runner_.happened(EventSpace::event(slot, kind), schedule_.rankOf[static_cast<size_t>(other)]);
  }

  const Schedule &schedule_;
  const std::optional<int32_t> depth_;
  const EventSpace events_;
  ListRunner runner_;
  const bool hasComms_;
  std::vector<uint8_t> done_; ///< By slot: bits of kinds.
  std::vector<Event> room_;   ///< By slot and direction, with a depth above 0.
};

} // namespace

void checkChannelOrder(const Schedule &schedule, Findings &findings) {
  for (const auto &[ranks, channel] : channelsOf(schedule))
    for (size_t i = 0; i < channel.sends.size(); ++i) {
      Place send = channel.sends[i], receive = channel.receives[i];
      if (otherEnd(at(schedule, send)) == at(schedule, receive))
        continue;
      findings.add("channel-order",
                   fmt::format("the transfer {} from rank {} to rank {} is {} here and {} there; "
                               "ranks match them by their order",
                               i, ranks.first, ranks.second, placeText(schedule, send),
                               placeText(schedule, receive)),
                   {send, receive});
      break; // What follows on the channel is shifted.
    }
}

bool checkProgress(const Schedule &schedule, std::optional<int32_t> channelDepth,
                   Findings &findings) {
  Progress progress(schedule, channelDepth);
  if (progress.run())
    return true;
  Stuck stuck = explainStuck(schedule, progress.runner());
  bool hasTransfer = false;
  for (Place place : stuck.places)
    hasTransfer |= !isCompute(at(schedule, place).kind);
  if (!channelDepth)
    findings.add(hasTransfer ? "deadlock" : "cross-stage-order",
                 "the lists wait for each other: " + stuck.message, stuck.places);
  else
    findings.add("channel-depth",
                 fmt::format("with {} the lists wait for each other: {}",
                             *channelDepth == 0
                                 ? std::string("sends that wait for their receives")
                                 : fmt::format("room for {} transfer{} from rank to rank",
                                               *channelDepth, *channelDepth == 1 ? "" : "s"),
                             stuck.message),
                 stuck.places);
  return false;
}

} // namespace recast::schedule
