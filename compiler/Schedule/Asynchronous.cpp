// Kinds whose weights change while microbatches are under way. All have the order of 1F1B without
// its flush, F x w, (F, B, OPT?)..., w = min(m, p - 1 - r); they differ in how often they update
// and in what a pass sees of the weights.
#include "compiler/Schedule/Emit.h"
#include "compiler/Schedule/Generators.h"
#include "compiler/Schedule/Lag.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// What a pass is to see: a version, or the latest extrapolated by so many updates (0: as it is).
struct Sight {
  int32_t version = kLatest, ahead = 0;
  static constexpr int32_t kLatest = -1;
};

/// One rank's list with updates and weight actions, from its order of passes.
class RankWriter {
public:
  RankWriter(const Schedule &schedule, int32_t rank, const std::vector<Action> &order)
      : order_(order), weights_(schedule.weights), stage_(order.front().stage),
        every_(schedule.updateEvery) {
    auto m = static_cast<size_t>(schedule.microbatches);
    atForward_.resize(m);
    lastUse_.assign(m / static_cast<size_t>(every_) + 1, 0);
    if (weights_.rule == WeightRule::Predict && weights_.lagRule != LagRule::Derived)
      lag_ = constantLag(weights_.lagRule, schedule.ranks, rank, every_, weights_.lag);
    int32_t backwards = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      if (order[i].kind == ActionKind::Forward)
        atForward_[static_cast<size_t>(order[i].microbatch)] = backwards / every_;
      if (int32_t version = sight(order[i]).version; version != Sight::kLatest)
        lastUse_[static_cast<size_t>(version)] = i;
      backwards += order[i].kind == ActionKind::Backward;
    }
  }

  std::vector<Action> write() {
    int32_t backwards = 0;
    for (size_t i = 0; i < order_.size(); ++i) {
      see(sight(order_[i]), order_[i].microbatch);
      list_.push_back(order_[i]);
      backwards += order_[i].kind == ActionKind::Backward;
      if (order_[i].kind == ActionKind::Backward && backwards % every_ == 0)
        update(i);
    }
    return std::move(list_);
  }

private:
  int32_t updatesBefore(int32_t microbatch) const {
    return atForward_[static_cast<size_t>(microbatch)];
  }

  int32_t forwardLag(int32_t b) const {
    // Backwards come in order, so b / n updates lie before that of b.
    if (weights_.lagRule == LagRule::Derived)
      return b / every_ - updatesBefore(b);
    if (weights_.lagRule != LagRule::XPipe)
      return lag_.forward;
    // The rest of a mini-batch aims at the version that its first forward aimed at (XPipe's
    // bellwether), from the weights there are by then.
    return std::max(lag_.forward - (updatesBefore(b) - updatesBefore(b / every_ * every_)), 0);
  }

  Sight sight(const Action &pass) const {
    int32_t b = pass.microbatch;
    bool isForward = pass.kind == ActionKind::Forward;
    switch (weights_.rule) {
    case WeightRule::Latest:
      break;
    case WeightRule::Stash:
      return {updatesBefore(b), 0};
    case WeightRule::DoubleBuffer:
      return {std::max(b / every_ - 1, 0), 0};
    case WeightRule::Predict:
      return {Sight::kLatest, isForward ? forwardLag(b) : lag_.backward};
    }
    return {};
  }

  void see(const Sight &wanted, int32_t microbatch) {
    if (wanted.ahead > 0) {
      list_.push_back({ActionKind::Predict, false, stage_, microbatch, wanted.ahead});
      active_ = kPredicted;
      return;
    }
    int32_t version = wanted.version == Sight::kLatest ? latest_ : wanted.version;
    if (version == active_)
      return;
    list_.push_back({ActionKind::Restore, false, stage_, -1, version});
    active_ = version;
  }

  void update(size_t after) {
    see({}, -1);
    if (lastUse_[static_cast<size_t>(latest_)] > after)
      list_.push_back({ActionKind::Stash, false, stage_, -1, latest_});
    list_.push_back({ActionKind::OptimizerStep, false, stage_});
    active_ = ++latest_;
  }

  static constexpr int32_t kPredicted = -1;
  const std::vector<Action> &order_;
  const WeightPolicy weights_;
  const int32_t stage_, every_;
  Lag lag_;
  std::vector<int32_t> atForward_; ///< By microbatch: updates before its forward.
  std::vector<size_t> lastUse_;    ///< By version: the last pass that names it.
  std::vector<Action> list_;
  int32_t latest_ = 0, active_ = 0;
};

Status checkUpdates(std::string_view kind, const Schedule &schedule) {
  int32_t n = schedule.updateEvery, m = schedule.microbatches, p = schedule.ranks;
  if (m % n != 0)
    return usage(fmt::format("{}: {} microbatches do not divide into updates after every {}; give "
                             "a multiple of {}",
                             kind, m, n, n));
  if (schedule.weights.rule == WeightRule::DoubleBuffer && n < p)
    return usage(fmt::format("{}: two buffers need an update after at least as many microbatches "
                             "as ranks, {}, not {} (the rule of PipeDream-2BW; by counting, {} "
                             "would do)",
                             kind, p, n, p - 1));
  if (schedule.weights.lag < 0)
    return usage(fmt::format("{}: weights are predicted 0 or more updates ahead, not {}", kind,
                             schedule.weights.lag));
  return {};
}

/// `every`: microbatches per update where the shape does not say.
Result<Schedule> asynchronous(std::string_view kind, const Shape &shape, int32_t every,
                              WeightPolicy weights) {
  RECAST_TRY(needChunks(kind, shape, 1));
  RECAST_ASSIGN(Schedule out, oneForwardOneBackward(shape));
  out.updateEvery = shape.updateEvery == 0 ? every : shape.updateEvery;
  out.weights = shape.weights.value_or(weights);
  if (out.weights.optimizer == Optimizer::Unknown)
    out.weights.optimizer = shape.optimizer;
  RECAST_TRY(checkUpdates(kind, out));
  for (int32_t r = 0; r < out.ranks; ++r) {
    std::vector<Action> &list = out.actions[static_cast<size_t>(r)];
    list = RankWriter(out, r, list).write();
  }
  return out;
}

} // namespace

Result<Schedule> asynchronousLatest(const Shape &shape) {
  return asynchronous("async", shape, 1, {});
}

Result<Schedule> pipeDream(const Shape &shape) {
  return asynchronous("pipedream", shape, 1, {.rule = WeightRule::Stash});
}

Result<Schedule> pipeDream2BW(const Shape &shape) {
  return asynchronous("2bw", shape, shape.ranks, {.rule = WeightRule::DoubleBuffer});
}

Result<Schedule> specTrain(const Shape &shape) {
  return asynchronous("spectrain", shape, 1,
                      {.rule = WeightRule::Predict, .lagRule = LagRule::SpecTrain});
}

Result<Schedule> xPipe(const Shape &shape) {
  return asynchronous("xpipe", shape, shape.ranks,
                      {.rule = WeightRule::Predict, .lagRule = LagRule::XPipe});
}

Result<Schedule> pipeOptimPaper(const Shape &shape) {
  return asynchronous("pipeoptim-paper", shape, 1,
                      {.rule = WeightRule::Predict, .lagRule = LagRule::Paper});
}

Result<Schedule> pipeOptimCode(const Shape &shape) {
  return asynchronous("pipeoptim-code", shape, 1,
                      {.rule = WeightRule::Predict, .lagRule = LagRule::Code});
}

} // namespace recast::schedule
