// Every action where it can be, each that has to be, once, and a stage's own in their order.
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Channels.h"
#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/Findings.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

using Kind = ActionKind;

bool isBackward(Kind kind) { return kind == Kind::Backward || kind == Kind::BackwardInput; }

/// Bits of what happened, by slot, while each list is read once in order.
class Coverage {
public:
  Coverage(const Schedule &schedule, Findings &findings)
      : schedule_(schedule), findings_(findings), events_(schedule),
        hasComms_(hasCommunication(schedule)), done_(static_cast<size_t>(events_.slots()), 0) {}

  void run() {
    for (int32_t rank = 0; rank < schedule_.ranks; ++rank) {
      const std::vector<Action> &list = schedule_.actions[static_cast<size_t>(rank)];
      for (size_t i = 0; i < list.size(); ++i)
        if (list[i].kind <= Kind::ReceiveBackward)
          read(list[i], {rank, i});
    }
    for (int32_t stage = 0; stage < events_.stages; ++stage)
      findMissing(stage);
  }

private:
  uint8_t &bits(int32_t stage, int32_t microbatch) {
    return done_[static_cast<size_t>(events_.slot(stage, microbatch))];
  }

  void read(const Action &action, Place place) {
    uint8_t &done = bits(action.stage, action.microbatch);
    // A whole backward is both parts.
    uint8_t same = bit(action.kind);
    if (action.kind == Kind::Backward)
      same |= bit(Kind::BackwardInput) | bit(Kind::BackwardWeight);
    else if (action.kind == Kind::BackwardInput || action.kind == Kind::BackwardWeight)
      same |= bit(Kind::Backward);
    if (done & same) {
      Place first = *find(place, 0, done & same, action);
      findings_.add("doubled-action",
                    fmt::format("{} has run before, as {}", placeText(schedule_, place),
                                placeText(schedule_, first)),
                    {first, place});
      return;
    }
    done |= bit(action.kind);
    if (isReceive(action.kind) || isSend(action.kind))
      readTransfer(action, place, done);
    else if (uint8_t needs = neededFor(action.kind); needs != 0 && !(done & needs))
      outOfOrder(action, place, needs);
  }

  static uint8_t neededFor(Kind kind) {
    if (isBackward(kind) || kind == Kind::SendForward)
      return bit(Kind::Forward);
    if (kind == Kind::BackwardWeight)
      return bit(Kind::BackwardInput);
    return kind == Kind::SendBackward ? kAnyBackward : 0;
  }

  void readTransfer(const Action &action, Place place, uint8_t done) {
    int32_t other = otherStage(action);
    std::string_view code = isSend(action.kind) ? "unmatched-send" : "unmatched-receive";
    if (other < 0 || other >= events_.stages) {
      findings_.add(code,
                    fmt::format("{} has no stage at its other end", placeText(schedule_, place)),
                    {place});
      return;
    }
    if (isNear(action.stage, other)) {
      findings_.add(code,
                    fmt::format("{} is between stages {} and {}, both of rank {}: nothing is sent",
                                placeText(schedule_, place), action.stage, other, place.rank),
                    {place});
      return;
    }
    if (isSend(action.kind)) {
      if (uint8_t needs = neededFor(action.kind); !(done & needs))
        outOfOrder(action, place, needs);
      return;
    }
    uint8_t user = action.kind == Kind::ReceiveForward ? bit(Kind::Forward) : kAnyBackward;
    if (done & user) {
      Place used = *find(place, 0, user, action);
      findings_.add("order",
                    fmt::format("{} comes after {}, which reads it", placeText(schedule_, place),
                                placeText(schedule_, used)),
                    {place, used});
    }
  }

  /// What is in no list is found as missing.
  void outOfOrder(const Action &action, Place place, uint8_t needs) {
    if (auto later = find(place, place.index + 1, needs, action))
      findings_.add("order",
                    fmt::format("{} comes before {}", placeText(schedule_, place),
                                placeText(schedule_, *later)),
                    {place, *later});
  }

  /// The first action from `from` on, of one of `kinds` and of the same stage and microbatch.
  std::optional<Place> find(Place place, size_t from, unsigned kinds, const Action &like) const {
    const std::vector<Action> &list = schedule_.actions[static_cast<size_t>(place.rank)];
    for (size_t i = from; i < list.size(); ++i)
      if (list[i].kind <= Kind::ReceiveBackward && (bit(list[i].kind) & kinds) &&
          list[i].stage == like.stage && list[i].microbatch == like.microbatch)
        return Place{place.rank, i};
    return std::nullopt;
  }

  bool isNear(int32_t a, int32_t b) const {
    return schedule_.rankOf[static_cast<size_t>(a)] == schedule_.rankOf[static_cast<size_t>(b)];
  }

  void findMissing(int32_t stage) {
    std::vector<int32_t> forwards, backwards, inputs, weights;
    for (int32_t b = 0; b < events_.microbatches; ++b) {
      uint8_t done = bits(stage, b);
      if (!(done & bit(Kind::Forward)))
        forwards.push_back(b);
      if (done & bit(Kind::Backward))
        continue;
      bool hasInput = done & bit(Kind::BackwardInput), hasWeight = done & bit(Kind::BackwardWeight);
      if (!hasInput && !hasWeight)
        backwards.push_back(b);
      else if (!hasInput)
        inputs.push_back(b);
      else if (!hasWeight)
        weights.push_back(b);
    }
    missing(stage, "F", forwards);
    missing(stage, "B (or I and W)", backwards);
    missing(stage, "I, though it has W,", inputs);
    missing(stage, "W, though it has I,", weights);
    if (hasComms_ && stage + 1 < events_.stages && !isNear(stage, stage + 1)) {
      findTransfers(stage, stage + 1, Kind::SendForward, Kind::ReceiveForward);
      findTransfers(stage + 1, stage, Kind::SendBackward, Kind::ReceiveBackward);
    }
  }

  void missing(int32_t stage, std::string_view what, const std::vector<int32_t> &microbatches) {
    if (!microbatches.empty())
      findings_.add("missing-action",
                    fmt::format("stage {} (rank {}) has no {} of microbatch{} {}", stage,
                                schedule_.rankOf[static_cast<size_t>(stage)], what,
                                microbatches.size() == 1 ? "" : "es", numbersText(microbatches)));
  }

  void findTransfers(int32_t from, int32_t to, Kind send, Kind receive) {
    std::vector<int32_t> neither;
    for (int32_t b = 0; b < events_.microbatches; ++b) {
      bool isSent = bits(from, b) & bit(send), isReceived = bits(to, b) & bit(receive);
      if (!isSent && !isReceived)
        neither.push_back(b);
      else if (isSent != isReceived)
        unmatched(isSent ? Action{send, false, from, b} : Action{receive, false, to, b},
                  isSent ? Action{receive, false, to, b} : Action{send, false, from, b});
    }
    if (!neither.empty())
      findings_.add("missing-action",
                    fmt::format("the lists have sends and receives, but nobody sends or receives "
                                "the {} of stage {} for stage {} of microbatch{} {}",
                                send == Kind::SendForward ? "output" : "gradient", from, to,
                                neither.size() == 1 ? "" : "es", numbersText(neither)));
  }

  void unmatched(const Action &there, const Action &missing) {
    int32_t rank = schedule_.rankOf[static_cast<size_t>(there.stage)];
    Place place = *find({rank, 0}, 0, bit(there.kind), there);
    findings_.add(isSend(there.kind) ? "unmatched-send" : "unmatched-receive",
                  fmt::format("{} needs '{}' on rank {}, which is in no list",
                              placeText(schedule_, place), str(missing),
                              schedule_.rankOf[static_cast<size_t>(missing.stage)]),
                  {place});
  }

  const Schedule &schedule_;
  Findings &findings_;
  const EventSpace events_;
  const bool hasComms_;
  std::vector<uint8_t> done_;
};

/// Whether pairs of a list are a forward and a backward.
void checkPairs(const Schedule &schedule, int32_t rank, Findings &findings) {
  const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].overlapsNext)
      continue;
    bool isPair = list[i].kind == Kind::Forward && i + 1 < list.size() &&
                  isBackward(list[i + 1].kind) && !list[i + 1].overlapsNext;
    if (!isPair)
      findings.add("overlap",
                   fmt::format("{} overlaps the next, but a pair is a forward and a backward",
                               placeText(schedule, {rank, i})),
                   {{rank, i}});
  }
}

} // namespace

void checkPlaces(const Schedule &schedule, Findings &findings) {
  if (schedule.ranks < 1 || schedule.microbatches < 1 || schedule.rankOf.empty() ||
      schedule.actions.size() != static_cast<size_t>(schedule.ranks)) {
    findings.add("shape", fmt::format("{} lists for {} ranks, {} stages and {} microbatches",
                                      schedule.actions.size(), schedule.ranks,
                                      schedule.rankOf.size(), schedule.microbatches));
    return;
  }
  for (size_t s = 0; s < schedule.rankOf.size(); ++s)
    if (schedule.rankOf[s] < 0 || schedule.rankOf[s] >= schedule.ranks)
      findings.add("shape", fmt::format("stage {} is on rank {}; there are {}, from 0", s,
                                        schedule.rankOf[s], schedule.ranks));
  if (auto updates = checkUpdateEvery(schedule.updateEvery, schedule.microbatches); !updates)
    findings.add("shape", updates.error().message());
  if (auto sized = checkSize(schedule); !sized)
    findings.add("missing-action", sized.error().message());
  if (findings.hasErrors())
    return;
  for (int32_t rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
    for (size_t i = 0; i < list.size(); ++i) {
      Place place{rank, i};
      int32_t stage = list[i].stage, b = list[i].microbatch;
      if (stage < 0 || stage >= schedule.stages())
        findings.add("out-of-range",
                     fmt::format("{} is of stage {}; there are {}, from 0",
                                 placeText(schedule, place), stage, schedule.stages()),
                     {place});
      else if (int32_t home = schedule.rankOf[static_cast<size_t>(stage)]; home != rank)
        findings.add("wrong-rank",
                     fmt::format("{} is of stage {}, which is on rank {}",
                                 placeText(schedule, place), stage, home),
                     {place});
      if (hasMicrobatch(list[i].kind) && (b < 0 || b >= schedule.microbatches))
        findings.add("out-of-range",
                     fmt::format("{} is of microbatch {}; there are {}, from 0",
                                 placeText(schedule, place), b, schedule.microbatches),
                     {place});
    }
    checkPairs(schedule, rank, findings);
  }
}

void checkCoverage(const Schedule &schedule, Findings &findings) {
  Coverage(schedule, findings).run();
}

} // namespace recast::schedule
