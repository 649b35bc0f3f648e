#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Channels.h"
#include "compiler/Schedule/Comms.h"

#include <fmt/format.h>
#include <map>
#include <optional>
#include <tuple>

namespace recast::schedule {
namespace {

/// The receives of one rank that are put off.
class PutOff {
public:
  PutOff(const Schedule &schedule, int32_t rank) : schedule_(schedule), rank_(rank) {}

  Result<std::vector<Action>> run(const std::vector<Action> &list) {
    for (size_t i = 0; i < list.size(); ++i) {
      const Action &action = list[i];
      if (isReceive(action.kind)) {
        RECAST_ASSIGN(int32_t from, otherRank(action));
        waiting_[{from, order_}] = action;
        places_[key(action)] = {from, order_++};
        continue;
      }
      if (isSend(action.kind)) {
        RECAST_ASSIGN(int32_t to, otherRank(action));
        if (rank_ < to)
          takeAllFrom(to);
      }
      bool isSecond = i > 0 && list[i - 1].overlapsNext;
      if (!isSecond) { // Both inputs of a pair come before it.
        takeInputOf(action);
        if (action.overlapsNext)
          takeInputOf(list[i + 1]);
      }
      out_.push_back(action);
    }
    if (!waiting_.empty())
      return badInput(fmt::format("rank {} receives '{}' and never uses it", rank_,
                                  str(waiting_.begin()->second)));
    return std::move(out_);
  }

private:
  using Key = std::tuple<int32_t, ActionKind, int32_t>;
  using At = std::pair<int32_t, uint64_t>; ///< The rank it comes from, and the order in the list.

  static Key key(const Action &action) { return {action.stage, action.kind, action.microbatch}; }

  /// The rank at the other end of a send or receive.
  Result<int32_t> otherRank(const Action &action) const {
    int32_t stage = otherStage(action);
    if (stage < 0 || stage >= schedule_.stages())
      return badInput(
          fmt::format("'{}' of rank {} has no stage at its other end", str(action), rank_));
    return schedule_.rankOf[static_cast<size_t>(stage)];
  }

  void take(std::map<At, Action>::iterator one) {
    out_.push_back(one->second);
    places_.erase(key(one->second));
    waiting_.erase(one);
  }
  void takeAllFrom(int32_t rank) {
    for (auto it = waiting_.lower_bound({rank, 0});
         it != waiting_.end() && it->first.first == rank;)
      take(it++);
  }
  void takeInputOf(const Action &action) {
    Action input = action;
    if (action.kind == ActionKind::Forward)
      input.kind = ActionKind::ReceiveForward;
    else if (action.kind == ActionKind::Backward || action.kind == ActionKind::BackwardInput)
      input.kind = ActionKind::ReceiveBackward;
    else
      return;
    if (auto place = places_.find(key(input)); place != places_.end())
      take(waiting_.find(place->second));
  }

  const Schedule &schedule_;
  int32_t rank_;
  uint64_t order_ = 0;
  std::vector<Action> out_;
  std::map<At, Action> waiting_;
  std::map<Key, At> places_;
};

} // namespace

Result<Schedule> deferReceives(const Schedule &withComms) {
  Schedule out = withComms;
  for (int32_t r = 0; r < out.ranks; ++r) {
    std::vector<Action> &list = out.actions[static_cast<size_t>(r)];
    RECAST_ASSIGN(list, PutOff(withComms, r).run(list));
  }
  return out;
}

} // namespace recast::schedule
