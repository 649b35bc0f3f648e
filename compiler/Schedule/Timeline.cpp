#include "compiler/Schedule/Timeline.h"

#include <algorithm>
#include <optional>

namespace recast::schedule {
namespace {

constexpr uint32_t kNowhere = UINT32_MAX;

/// Where what passes data on stands: by slot, for forwards, backwards (B or I), sends and receives.
class Positions {
public:
  explicit Positions(const Schedule &schedule) : events_(schedule) {
    bool hasComms = hasCommunication(schedule);
    for (size_t row = 0; row < std::size(at_); ++row)
      if (row < 2 || hasComms)
        at_[row].assign(static_cast<size_t>(events_.slots()), kNowhere);
    for (const std::vector<Action> &list : schedule.actions)
      for (size_t i = 0; i < list.size(); ++i)
        if (auto row = rowOf(list[i].kind))
          at_[*row][slot(list[i].stage, list[i].microbatch)] = static_cast<uint32_t>(i);
  }

  /// Position in the list of the stage's rank; kNowhere where lists have no such action.
  uint32_t find(ActionKind kind, int32_t stage, int32_t microbatch) const {
    const std::vector<uint32_t> &row = at_[*rowOf(kind)];
    return row.empty() ? kNowhere : row[slot(stage, microbatch)];
  }

private:
  static std::optional<size_t> rowOf(ActionKind kind) {
    if (kind == ActionKind::Forward)
      return 0;
    if (kind == ActionKind::Backward || kind == ActionKind::BackwardInput)
      return 1;
    if (isSend(kind) || isReceive(kind))
      return 2 + static_cast<size_t>(kind) - static_cast<size_t>(ActionKind::SendForward);
    return std::nullopt;
  }
  size_t slot(int32_t stage, int32_t microbatch) const {
    return static_cast<size_t>(events_.slot(stage, microbatch));
  }

  const EventSpace events_;
  std::vector<uint32_t> at_[6];
};

/// The action whose end is when `place` could start for its data; nothing if its data is its own.
class Sources {
public:
  Sources(const Schedule &schedule, const Simulation &simulation, const Costs &costs)
      : schedule_(schedule), simulation_(simulation), comm_(costs.comm), positions_(schedule) {}

  /// Which action of a neighbour made `action` of `rank` start at `start`.
  std::optional<Place> of(const Action &action, int32_t rank, double start) const {
    bool isForward = action.kind == ActionKind::Forward;
    bool isBackward =
        action.kind == ActionKind::Backward || action.kind == ActionKind::BackwardInput;
    int32_t from = isForward ? action.stage - 1 : action.stage + 1;
    if ((!isForward && !isBackward) || from < 0 || from >= schedule_.stages())
      return std::nullopt;
    auto place = [&](ActionKind kind, int32_t stage) {
      return Place{schedule_.rankOf[static_cast<size_t>(stage)],
                   positions_.find(kind, stage, action.microbatch)};
    };
    ActionKind kind = isForward ? ActionKind::Forward : ActionKind::Backward;
    Place made = place(kind, from);
    if (made.rank == rank)
      return starts(made, 0, start);
    ActionKind send = isForward ? ActionKind::SendForward : ActionKind::SendBackward;
    ActionKind receive = isForward ? ActionKind::ReceiveForward : ActionKind::ReceiveBackward;
    Place sent = place(send, from);
    if (sent.index == kNowhere)
      return starts(made, comm_, start);
    if (auto late = starts(sent, comm_, start))
      return late;
    return starts(place(receive, action.stage), comm_, start);
  }

private:
  std::optional<Place> starts(Place place, double later, double start) const {
    double end = simulation_.end[static_cast<size_t>(place.rank)][place.index];
    return end + later == start ? std::optional(place) : std::nullopt;
  }

  const Schedule &schedule_;
  const Simulation &simulation_;
  const double comm_;
  const Positions positions_;
};

} // namespace

std::vector<Place> criticalPath(const Schedule &schedule, const Simulation &simulation,
                                const Costs &costs) {
  std::vector<Place> out;
  std::optional<Place> at;
  for (int32_t rank = 0; rank < schedule.ranks && !at; ++rank) {
    const std::vector<double> &ends = simulation.end[static_cast<size_t>(rank)];
    if (!ends.empty() && ends.back() == simulation.makespan)
      at = Place{rank, ends.size() - 1};
  }
  Sources sources(schedule, simulation, costs);
  while (at) {
    out.push_back(*at);
    auto r = static_cast<size_t>(at->rank);
    const std::vector<Action> &list = schedule.actions[r];
    double start = simulation.start[r][at->index];
    // Both of a pair start when the last of what they need is there.
    bool isSecond = at->index > 0 && list[at->index - 1].overlapsNext;
    size_t first = at->index - isSecond;
    size_t count = list[first].overlapsNext ? 2 : 1;
    std::optional<Place> before;
    if (first > 0 && simulation.end[r][first - 1] == start)
      before = Place{at->rank, first - 1};
    for (size_t i = first; i < first + count && !before; ++i)
      before = sources.of(list[i], at->rank, start);
    at = before;
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<Window> idleWindows(const Simulation &simulation, int32_t rank) {
  auto r = static_cast<size_t>(rank);
  std::vector<Window> out;
  double free = 0;
  for (size_t i = 0; i < simulation.start[r].size(); ++i) {
    double start = simulation.start[r][i], end = simulation.end[r][i];
    if (end == start)
      continue; // It takes no time: what it waited for ends with the next that does.
    if (start > free)
      out.push_back({free, start});
    free = end;
  }
  if (simulation.makespan > free)
    out.push_back({free, simulation.makespan});
  return out;
}

std::vector<ActivationPoint> activationCurve(const Schedule &schedule, const Simulation &simulation,
                                             int32_t rank, Release release) {
  auto r = static_cast<size_t>(rank);
  std::vector<ActivationPoint> out{{0, 0}};
  for (size_t i = 0; i < schedule.actions[r].size(); ++i) {
    ActionKind kind = schedule.actions[r][i].kind;
    if (kind == ActionKind::Forward)
      out.push_back({simulation.start[r][i], out.back().held + 1});
    else if (releases(kind, release))
      out.push_back({simulation.end[r][i], out.back().held - 1});
  }
  return out;
}

} // namespace recast::schedule
