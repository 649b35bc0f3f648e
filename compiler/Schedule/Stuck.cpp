#include "compiler/Schedule/Stuck.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Explicit.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace recast::schedule {
namespace {

/// Whether `action` is what `wanted` names. A neighbour waits for either kind of backward.
bool isWanted(const Action &action, const Action &wanted) {
  if (action.stage != wanted.stage || action.microbatch != wanted.microbatch)
    return false;
  return action.kind == wanted.kind ||
         (wanted.kind == ActionKind::Backward && action.kind == ActionKind::BackwardInput);
}

/// Where the event is still to happen in the list of its rank.
std::optional<Place> findAhead(const Schedule &schedule, const ListRunner &runner,
                               const Action &wanted) {
  int32_t rank = schedule.rankOf[static_cast<size_t>(wanted.stage)];
  const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
  for (size_t i = runner.cursor(rank); i < list.size(); ++i)
    if (isWanted(list[i], wanted))
      return Place{rank, i};
  return std::nullopt;
}

/// The action at a rank's cursor that waits: the second of a pair where the first does not.
Place waiting(const Schedule &schedule, const ListRunner &runner, int32_t rank,
              const Action &wanted) {
  Place place{rank, runner.cursor(rank)};
  const Action &first = schedule.actions[static_cast<size_t>(rank)][place.index];
  bool isOfForward = wanted.kind == ActionKind::Forward || wanted.kind == ActionKind::SendForward ||
                     wanted.kind == ActionKind::ReceiveForward;
  // Of a pair the forward waits for a forward of the stage before, or for its receive.
  bool isFirst =
      isOfForward && (wanted.stage < first.stage || wanted.kind == ActionKind::ReceiveForward);
  if (first.overlapsNext && !isFirst)
    ++place.index;
  return place;
}

} // namespace

std::string placeText(const Schedule &schedule, Place place) {
  return fmt::format("'{}' (rank {}, position {})",
                     str(schedule.actions[static_cast<size_t>(place.rank)][place.index]),
                     place.rank, place.index);
}

Stuck explainStuck(const Schedule &schedule, const ListRunner &runner) {
  EventSpace events(schedule);
  // Every stopped rank waits for one event of one rank: following them ends in what is missing or
  // comes to a rank again.
  int32_t rank = 0;
  while (runner.waits(rank) == kNoEvent)
    ++rank;
  std::vector<size_t> seenAt(static_cast<size_t>(schedule.ranks), SIZE_MAX);
  Stuck out;
  while (seenAt[static_cast<size_t>(rank)] == SIZE_MAX) {
    seenAt[static_cast<size_t>(rank)] = out.places.size();
    Action wanted = events.action(runner.waits(rank));
    out.places.push_back(waiting(schedule, runner, rank, wanted));
    auto ahead = findAhead(schedule, runner, wanted);
    if (!ahead) {
      out.missing = runner.waits(rank);
      out.places = {out.places.back()};
      out.message = fmt::format("{} waits for '{}', which is in no list",
                                placeText(schedule, out.places[0]), str(wanted));
      return out;
    }
    out.places.push_back(*ahead);
    rank = ahead->rank;
  }
  out.isCircle = true;
  out.places.erase(out.places.begin(), out.places.begin() + static_cast<std::ptrdiff_t>(
                                                                seenAt[static_cast<size_t>(rank)]));
  for (size_t i = 0; i < out.places.size(); i += 2) {
    Place last = out.places[i + 1], next = out.places[(i + 2) % out.places.size()];
    if (i == 0)
      out.message = placeText(schedule, out.places[0]);
    out.message += fmt::format(" waits for {}, which ", placeText(schedule, last));
    const Action &at = schedule.actions[static_cast<size_t>(next.rank)][next.index];
    bool isPair = last.index + 1 == next.index &&
                  schedule.actions[static_cast<size_t>(last.rank)][last.index].overlapsNext;
    if (i + 2 == out.places.size())
      out.message += fmt::format("{} '{}'", isPair ? "runs as one with" : "comes after", str(at));
    else
      out.message += fmt::format("{} {}, which", isPair ? "runs as one with" : "comes after",
                                 placeText(schedule, next));
  }
  return out;
}

Status checkLists(const Schedule &schedule) {
  if (schedule.ranks < 1 || schedule.microbatches < 1 || schedule.rankOf.empty() ||
      schedule.actions.size() != static_cast<size_t>(schedule.ranks))
    return badInput(fmt::format("{} lists for {} ranks, {} stages and {} microbatches",
                                schedule.actions.size(), schedule.ranks, schedule.rankOf.size(),
                                schedule.microbatches));
  for (size_t s = 0; s < schedule.rankOf.size(); ++s)
    if (schedule.rankOf[s] < 0 || schedule.rankOf[s] >= schedule.ranks)
      return badInput(fmt::format("stage {} is on rank {}; there are {}", s, schedule.rankOf[s],
                                  schedule.ranks));
  RECAST_TRY(checkSize(schedule));
  auto stages = static_cast<uint32_t>(schedule.stages());
  auto microbatches = static_cast<uint32_t>(schedule.microbatches);
  for (int32_t rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
    bool isSecond = false;
    for (const Action &action : list) {
      // One comparison finds what is negative too.
      bool isPlaced =
          static_cast<uint32_t>(action.stage) < stages &&
          schedule.rankOf[static_cast<size_t>(action.stage)] == rank &&
          (!hasMicrobatch(action.kind) || static_cast<uint32_t>(action.microbatch) < microbatches);
      if (!isPlaced && action.stage >= 0)
        RECAST_TRY(checkPlace(schedule, rank, action));
      if (!isPlaced)
        return badInput(fmt::format("an action of rank {} has no stage or no microbatch", rank));
      bool isSecondKind =
          action.kind == ActionKind::Backward || action.kind == ActionKind::BackwardInput;
      if ((action.overlapsNext && (isSecond || action.kind != ActionKind::Forward)) ||
          (isSecond && !isSecondKind))
        return badInput(fmt::format("rank {}: an overlapped pair is a forward and a backward, not "
                                    "one with '{}'",
                                    rank, str(action)));
      isSecond = action.overlapsNext;
    }
    if (isSecond)
      return badInput(fmt::format("rank {}: the list ends inside an overlapped pair", rank));
  }
  return {};
}

bool hasCommunication(const Schedule &schedule) {
  for (const std::vector<Action> &list : schedule.actions)
    for (const Action &action : list)
      if (isSend(action.kind) || isReceive(action.kind))
        return true;
  return false;
}

} // namespace recast::schedule
