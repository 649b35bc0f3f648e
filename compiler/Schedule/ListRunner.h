// Running the lists of all ranks as far as they go: each in program order, a rank stops where it
// waits for something of another rank. Every action runs once, whatever the order of ranks, so the
// work is linear. Simulation and proofs are steps of it.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// Something that happens once for a stage and a microbatch: a compute action, a send or a receive.
/// `kind` is one of the first eight, Forward to ReceiveBackward.
using Event = int64_t;
constexpr Event kNoEvent = -1;

/// The events of a schedule by number. Whoever builds it has called checkLists().
class EventSpace {
public:
  explicit EventSpace(const Schedule &schedule)
      : stages(schedule.stages()), microbatches(schedule.microbatches) {}

  int64_t slots() const { return int64_t{stages} * microbatches; }
  int64_t slot(int32_t stage, int32_t microbatch) const {
    return int64_t{stage} * microbatches + microbatch;
  }
  static Event event(int64_t slot, ActionKind kind) { return slot * 8 + static_cast<int>(kind); }
  /// The action that an event is.
  Action action(Event event) const {
    int64_t at = event / 8;
    return {static_cast<ActionKind>(event % 8), false, static_cast<int32_t>(at / microbatches),
            static_cast<int32_t>(at % microbatches)};
  }

  const int32_t stages, microbatches;
};

/// Which events have happened: a bit per kind, a byte per stage and microbatch.
constexpr uint8_t bit(ActionKind kind) {
  return static_cast<uint8_t>(1u << static_cast<int>(kind));
}
constexpr uint8_t kAnyBackward = bit(ActionKind::Backward) | bit(ActionKind::BackwardInput);

/// Where every rank stands and what it waits for.
class ListRunner {
public:
  explicit ListRunner(const Schedule &schedule)
      : schedule_(schedule), cursor_(static_cast<size_t>(schedule.ranks), 0),
        waits_(static_cast<size_t>(schedule.ranks), kNoEvent) {}

  /// What a step did: ran that many actions, or none since it waits, or gave up.
  struct Outcome {
    int ran = 0;
    Event waits = kNoEvent;
    static Outcome waitsFor(Event event) { return {0, event}; }
    static Outcome fails() { return {-1, kNoEvent}; }
  };

  /// Runs `step(rank, index)` until no rank can go on or a step fails. True: all lists ran to
  /// their ends.
  template <typename Step> bool run(Step &&step) {
    for (int32_t rank = schedule_.ranks; rank-- > 0;)
      ready_.push_back(rank);
    size_t ended = 0;
    while (!ready_.empty()) {
      int32_t rank = ready_.back();
      ready_.pop_back();
      auto r = static_cast<size_t>(rank);
      size_t count = schedule_.actions[r].size(), index = cursor_[r];
      Outcome outcome{1, kNoEvent};
      while (index < count && (outcome = step(rank, index)).ran > 0)
        index += static_cast<size_t>(outcome.ran);
      cursor_[r] = index;
      if (outcome.ran < 0)
        return false;
      waits_[r] = outcome.waits;
      ended += index == count;
    }
    return ended == cursor_.size();
  }

  /// Called by steps: what the event's other rank may wait for has happened.
  void happened(Event event, int32_t waiting) {
    auto r = static_cast<size_t>(waiting);
    if (waits_[r] != event)
      return;
    waits_[r] = kNoEvent;
    ready_.push_back(waiting);
  }

  size_t cursor(int32_t rank) const { return cursor_[static_cast<size_t>(rank)]; }
  /// What a rank waits for at its cursor; kNoEvent where its list has ended.
  Event waits(int32_t rank) const { return waits_[static_cast<size_t>(rank)]; }

private:
  const Schedule &schedule_;
  std::vector<size_t> cursor_;
  std::vector<Event> waits_;
  std::vector<int32_t> ready_;
};

} // namespace recast::schedule
