// Lists with one stage per rank as streams in lock step.
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/DeepSpeed.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <tuple>

namespace recast::schedule {
namespace {
using Op = Instruction::Op;

/// Over all ranks; most of them are idle where there are many ranks.
constexpr int64_t kMostSteps = int64_t{1} << 26;

/// In which step every pass runs, by stage (its rank's only one) and microbatch.
class LockStep {
public:
  explicit LockStep(const Schedule &schedule)
      : schedule_(schedule), stepOf_(2 * static_cast<size_t>(schedule.stages()) *
                                     static_cast<size_t>(schedule.microbatches)) {
    asSoonAsPossible();
    delayForwards();
  }
  int32_t of(const Action &action) const { return stepOf_[index(action)]; }
  int32_t steps() const { return *std::ranges::max_element(stepOf_) + 1; }

private:
  struct Place {
    size_t stage, at;
  };
  size_t index(const Action &action) const {
    bool forward = action.kind == ActionKind::Forward;
    return (static_cast<size_t>(action.stage) * 2 + forward) *
               static_cast<size_t>(schedule_.microbatches) +
           static_cast<size_t>(action.microbatch);
  }
  const std::vector<Action> &list(size_t stage) const {
    return schedule_.actions[static_cast<size_t>(schedule_.rankOf[stage])];
  }
  /// The same pass on the stage that feeds this one (`by` = -1), or that this one feeds (1).
  bool neighbour(Action &action, int32_t by) const {
    action.stage += action.kind == ActionKind::Forward ? by : -by;
    return action.stage >= 0 && action.stage < schedule_.stages();
  }

  void asSoonAsPossible() {
    std::fill(stepOf_.begin(), stepOf_.end(), -1);
    std::vector<size_t> next(schedule_.rankOf.size(), 0);
    std::vector<size_t> ready;
    for (size_t stage = next.size(); stage > 0; --stage)
      ready.push_back(stage - 1);
    while (!ready.empty()) {
      size_t stage = ready.back();
      ready.pop_back();
      for (; next[stage] < list(stage).size(); ++next[stage]) {
        const Action &action = list(stage)[next[stage]];
        int32_t step = next[stage] > 0 ? of(list(stage)[next[stage] - 1]) + 1 : 0;
        Action input = action, output = action;
        if (neighbour(input, -1)) {
          if (of(input) < 0)
            break;
          step = std::max(step, of(input) + 1);
        }
        stepOf_[index(action)] = step;
        order_.push_back({stage, next[stage]});
        if (neighbour(output, 1))
          ready.push_back(static_cast<size_t>(output.stage));
      }
    }
  }

  /// Activations wait on the side that has them anyway.
  void delayForwards() {
    for (size_t i = order_.size(); i > 0; --i) {
      auto [stage, at] = order_[i - 1];
      const Action &action = list(stage)[at];
      if (action.kind != ActionKind::Forward || at + 1 == list(stage).size())
        continue;
      int32_t latest = of(list(stage)[at + 1]) - 1;
      if (Action output = action; neighbour(output, 1))
        latest = std::min(latest, of(output) - 1);
      stepOf_[index(action)] = latest;
    }
  }

  const Schedule &schedule_;
  std::vector<int32_t> stepOf_;
  std::vector<Place> order_; ///< A topological order.
};

/// One rank's instructions; buffers are microbatches until chooseBuffers().
class RankStream {
public:
  explicit RankStream(size_t steps) : steps_(steps) {}

  void transfer(int32_t step, int32_t channel, Op op, int32_t microbatch) {
    bool isActivation = op == Op::SendActivation || op == Op::RecvActivation;
    moves_.emplace(step, channel % 2, channel, isActivation, microbatch, op);
  }
  void compute(int32_t step, Op op, int32_t microbatch) {
    steps_[static_cast<size_t>(step)].push_back({op, microbatch, -1});
  }

  /// Moves what a step needs at its beginning: even channels, then odd ones (so that far ranks do
  /// not wait for near ones), gradients first: they free a buffer.
  Steps finish(int32_t &buffers) {
    for (auto move = moves_.rbegin(); move != moves_.rend(); ++move) {
      std::vector<Instruction> &step = steps_[static_cast<size_t>(std::get<0>(*move))];
      step.insert(step.begin(), {std::get<5>(*move), std::get<4>(*move), -1});
    }
    buffers = chooseBuffers();
    for (Op op : {Op::ReduceTiedGrads, Op::ReduceGrads, Op::OptimizerStep})
      steps_.back().push_back({op});
    return std::move(steps_);
  }

private:
  /// Microbatch b in buffer b mod n, as DeepSpeed does; n as small as all that live at once allow,
  /// at least two.
  int32_t chooseBuffers() {
    std::map<int32_t, size_t> lastUse;
    size_t at = 0;
    for (const auto &step : steps_)
      for (const Instruction &instruction : step)
        lastUse[instruction.buffer] = at++;
    int32_t count = 2;
    std::set<int32_t> alive;
    at = 0;
    for (const auto &step : steps_)
      for (const Instruction &instruction : step) {
        alive.insert(instruction.buffer);
        count = std::max(count, *alive.rbegin() - *alive.begin() + 1);
        if (lastUse[instruction.buffer] == at++)
          alive.erase(instruction.buffer);
      }
    for (auto &step : steps_)
      for (Instruction &instruction : step)
        instruction.buffer %= count;
    return count;
  }

  Steps steps_;
  /// Step, order of channels, gradients before activations, microbatch.
  std::set<std::tuple<int32_t, int32_t, int32_t, bool, int32_t, Op>> moves_;
};

Status checkOneStage(const Schedule &schedule) {
  for (size_t stage = 0; stage < schedule.rankOf.size(); ++stage)
    if (schedule.rankOf[stage] != static_cast<int32_t>(stage))
      return usage(fmt::format("DeepSpeed puts stage {0} on rank {0}; here it is on rank {1}",
                               stage, schedule.rankOf[stage]));
  for (const std::vector<Action> &list : schedule.actions) {
    std::set<std::pair<ActionKind, int32_t>> seen;
    bool loads = &list == &schedule.actions.front() || &list == &schedule.actions.back();
    int32_t loaded = 0;
    for (const Action &action : list) {
      if (loads && action.kind == ActionKind::Forward && action.microbatch != loaded++)
        return usage(
            fmt::format("DeepSpeed loads inputs on the first rank and labels on the last in the "
                        "order of microbatches; '{}' is out of it",
                        str(action)));
      if (action.kind != ActionKind::Forward && action.kind != ActionKind::Backward)
        return usage(fmt::format("DeepSpeed has no '{}': its backwards are whole", str(action)));
      if (!seen.emplace(action.kind, action.microbatch).second)
        return usage(fmt::format("'{}' is twice in its list", str(action)));
    }
    for (size_t i = 1; &list == &schedule.actions.back() && i < list.size(); i += 2)
      if (list[i] != Action{ActionKind::Backward, false, list[i].stage, list[i - 1].microbatch})
        return usage(
            fmt::format("DeepSpeed's engine keeps one loss: its last rank runs every backward "
                        "right after its forward, not '{}' after '{}'",
                        str(list[i]), str(list[i - 1])));
    if (seen.size() != 2 * static_cast<size_t>(schedule.microbatches))
      return usage(
          fmt::format("DeepSpeed's engine runs every microbatch forward and back; a rank here "
                      "has {} passes for {} microbatches",
                      seen.size(), schedule.microbatches));
  }
  return {};
}

Result<InstructionStreams> inLockStep(const Schedule &schedule) {
  RECAST_TRY(checkOneStage(schedule));
  RECAST_TRY(addComms(schedule)); // Names who waits for whom, if they do in a circle.
  LockStep clock(schedule);
  int32_t last = schedule.ranks - 1;
  if (int64_t{schedule.ranks} * clock.steps() > kMostSteps)
    return usage(fmt::format("{} ranks of {} steps are too many to be written", schedule.ranks,
                             clock.steps()));
  std::vector<RankStream> ranks(schedule.actions.size(),
                                RankStream(static_cast<size_t>(clock.steps())));
  for (int32_t r = 0; r <= last; ++r)
    for (const Action &action : schedule.actions[static_cast<size_t>(r)]) {
      bool forward = action.kind == ActionKind::Forward;
      int32_t step = clock.of(action), b = action.microbatch, from = forward ? r - 1 : r + 1;
      RankStream &here = ranks[static_cast<size_t>(r)];
      if (from >= 0 && from <= last) {
        int32_t channel = std::min(r, from);
        here.transfer(step, channel, forward ? Op::RecvActivation : Op::RecvGrad, b);
        ranks[static_cast<size_t>(from)].transfer(step, channel,
                                                  forward ? Op::SendActivation : Op::SendGrad, b);
      }
      if (forward && (r == 0 || r == last))
        here.compute(step, Op::LoadMicroBatch, b);
      here.compute(step, forward ? Op::ForwardPass : Op::BackwardPass, b);
    }
  InstructionStreams out;
  out.schedule = schedule.kind == "1f1b" ? "TrainSchedule" : schedule.kind;
  out.microbatches = schedule.microbatches;
  for (RankStream &rank : ranks) {
    int32_t buffers = 0;
    out.steps.push_back(rank.finish(buffers));
    out.buffers.push_back(buffers);
  }
  return out;
}

/// Whether streams run the passes of the lists in their order, backwards whole and W left out.
bool sameOrder(const Schedule &schedule, const Schedule &streams) {
  for (size_t r = 0; r < schedule.actions.size(); ++r) {
    std::vector<Action> list;
    for (Action action : schedule.actions[r]) {
      action.overlapsNext = false;
      if (action.kind == ActionKind::BackwardInput)
        action.kind = ActionKind::Backward;
      if (action.kind != ActionKind::BackwardWeight)
        list.push_back(action);
    }
    if (list != streams.actions[r])
      return false;
  }
  return true;
}

} // namespace

Result<InstructionStreams> toInstructions(const Schedule &given) {
  if (given.isAsynchronous())
    return fail(
        Error(Code::Usage, "DeepSpeed's engine steps its optimizer once, after all microbatches")
            .hint("Write it as json, which says optimizer steps and weight versions."));
  Schedule schedule = computeOnly(given);
  for (const std::vector<Action> &list : schedule.actions)
    for (const Action &action : list)
      if (!isCompute(action.kind))
        return fail(Error(Code::Usage, fmt::format("DeepSpeed has no '{}'", str(action)))
                        .hint("Write it as json, which says optimizer steps and weight versions."));
  if (schedule.chunks == 1)
    return inLockStep(schedule);
  bool isV = schedule.rankOf == placeStages(Placement::V, schedule.ranks, 2);
  if (isV && schedule.microbatches >= 2 * schedule.ranks) {
    InstructionStreams out = dualPipeStreams(schedule.ranks, schedule.microbatches);
    RECAST_ASSIGN(Schedule streams, fromInstructions(out));
    if (sameOrder(schedule, streams))
      return out;
  }
  return usage(
      fmt::format("DeepSpeed has one stage per rank, or the two of DualPipeV in its order; "
                  "this schedule has {} in another",
                  schedule.chunks));
}

} // namespace recast::schedule
