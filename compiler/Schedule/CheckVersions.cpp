// Weight actions that can be, and passes that see the weights that the schedule's rule says.
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Findings.h"
#include "compiler/Schedule/Lag.h"
#include "compiler/Schedule/StageWeights.h"
#include "compiler/Schedule/WeightWords.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

using Kind = ActionKind;

/// What a pass sees: a version, and how many updates ahead of it.
struct Sight {
  int32_t version = -1, ahead = 0;
  size_t index = 0; ///< Where in the list.
  int64_t aim() const { return int64_t{version} + ahead; }
};

/// One stage, along its rank's list.
class StageVersions {
public:
  StageVersions(const Schedule &schedule, int32_t stage, Findings &findings)
      : schedule_(schedule), findings_(findings), stage_(stage),
        forwards_(static_cast<size_t>(schedule.microbatches)),
        mismatch_(static_cast<size_t>(schedule.microbatches), 0) {
    // What rules aim at is only known where they are of one stage per rank.
    const WeightPolicy &weights = schedule.weights;
    if (weights.rule != WeightRule::Predict)
      return;
    backwards_.resize(static_cast<size_t>(schedule.microbatches));
    if (weights.lagRule != LagRule::Derived && weights.lagRule != LagRule::XPipe)
      lag_ =
          constantLag(weights.lagRule, schedule.ranks, schedule.rankOf[static_cast<size_t>(stage)],
                      std::max(schedule.updateEvery, 1), weights.lag);
  }

  /// Every action before any is read.
  void count(const Action &action, Place place) { weights_.count(action, place.index); }

  void read(const Action &action, Place place) {
    if (isCompute(action.kind))
      return pass(action, place);
    if (action.kind == Kind::OptimizerStep && !weights_.seesLatest())
      bad(place, fmt::format("updates version {} while {} is active; RESTORE@{} belongs before",
                             weights_.latest(), weights_.seenText(), weights_.latest()));
    if (action.kind == Kind::Predict) {
      predicted_ = action.microbatch;
      predictedAt_ = place;
    }
    if (auto wrong = weights_.apply(action, place.index))
      bad(place, *wrong);
    else if (action.kind == Kind::Stash)
      keep(place);
  }

  void finish(int32_t rank) {
    std::vector<int32_t> over, under;
    for (int32_t b = 0; b < schedule_.microbatches; ++b)
      if (int64_t more = mismatch_[static_cast<size_t>(b)]; more != 0)
        (more > 0 ? over : under).push_back(b);
    warn(rank, over, "over");
    warn(rank, under, "under");
  }

private:
  void bad(Place place, std::string_view what, std::vector<Place> places = {}) {
    places.push_back(place);
    findings_.add("version", fmt::format("{} {}", placeText(schedule_, place), what),
                  std::move(places));
  }

  /// Of two buffers, one is the latest version or becomes it.
  void keep(Place place) {
    if (schedule_.weights.rule != WeightRule::DoubleBuffer)
      return;
    // What no RESTORE follows holds nothing from now on.
    std::erase_if(kept_,
                  [&](int32_t version) { return !weights_.isNeededAfter(version, place.index); });
    kept_.push_back(weights_.latest());
    // With the version that the OPT to come makes.
    if (kept_.size() > 1)
      bad(place, fmt::format("makes more than two versions: {} are kept beside the latest",
                             numbersText(kept_)));
  }

  void pass(const Action &action, Place place) {
    if (weights_.ahead() != 0 && action.microbatch != predicted_)
      bad(place,
          fmt::format("sees weights predicted for microbatch {}, by {}", predicted_,
                      placeText(schedule_, predictedAt_)),
          {predictedAt_});
    const WeightPolicy &weights = schedule_.weights;
    // Predictions are made from the latest, and what is not predicted sees it as it is.
    bool needsLatest = weights.rule == WeightRule::Latest || weights.rule == WeightRule::Predict;
    if (needsLatest && weights_.version() != weights_.latest())
      bad(place, fmt::format("sees version {}; the rule is {}, and the latest is {}",
                             weights_.version(), name(weights.rule), weights_.latest()));
    Sight sight{weights_.version(), weights_.ahead(), place.index};
    Sight &forward = forwards_[static_cast<size_t>(action.microbatch)];
    bool isForward = action.kind == Kind::Forward;
    if (isForward)
      forward = sight;
    if (weights.rule == WeightRule::Predict)
      return predictedPass(action, place, sight);
    if (sight.ahead != 0)
      bad(place, fmt::format("sees {}, but the schedule does not predict", weights_.seenText()));
    bool isKept = weights.rule == WeightRule::Stash || weights.rule == WeightRule::DoubleBuffer;
    if (!isForward && isKept && sight.version != forward.version)
      bad(place,
          fmt::format("sees version {}, but its forward at position {} saw version {}",
                      sight.version, forward.index, forward.version),
          {{place.rank, forward.index}});
    // Both buffers in turn: all stages see the version before the latest, so one for all.
    int32_t n = schedule_.updateEvery;
    if (isForward && weights.rule == WeightRule::DoubleBuffer && n > 0)
      if (int32_t wanted = std::max(action.microbatch / n - 1, 0); sight.version != wanted)
        bad(place,
            fmt::format("sees version {}; two buffers give it version {}", sight.version, wanted));
  }

  void predictedPass(const Action &action, Place place, const Sight &sight) {
    auto b = static_cast<size_t>(action.microbatch);
    bool isForward = action.kind == Kind::Forward;
    if (lag_) {
      int32_t stated = isForward ? lag_->forward : lag_->backward;
      if (sight.ahead != stated)
        bad(place, fmt::format("sees {}; the rule says {} ahead", weights_.seenText(), stated));
    }
    if (isForward)
      return;
    if (action.kind != Kind::BackwardWeight) {
      backwards_[b] = sight;
      mismatch_[b] = forwards_[b].aim() - sight.aim();
    } else if (const Sight &input = backwards_[b]; input.aim() != sight.aim())
      bad(place,
          fmt::format("sees {}, but its input part at position {} saw version {}{}",
                      weights_.seenText(), input.index, input.version,
                      input.ahead == 0 ? "" : fmt::format(" predicted {} ahead", input.ahead)),
          {{place.rank, input.index}});
  }

  void warn(int32_t rank, const std::vector<int32_t> &microbatches, std::string_view way) {
    if (microbatches.empty())
      return;
    int32_t first = microbatches.front();
    const Sight &forward = forwards_[static_cast<size_t>(first)];
    bool isDerived = schedule_.weights.lagRule == LagRule::Derived;
    findings_.add("prediction",
                  fmt::format("stage {} (rank {}) {}-predicts microbatch{} {}: the forward of {} "
                              "aims {} updates ahead, its backward sees the weights {} ahead",
                              stage_, rank, way, microbatches.size() == 1 ? "" : "es",
                              numbersText(microbatches), first, forward.ahead,
                              forward.ahead - mismatch_[static_cast<size_t>(first)]),
                  {{rank, forward.index}}, isDerived ? Severity::Error : Severity::Warning);
  }

  const Schedule &schedule_;
  Findings &findings_;
  const int32_t stage_;
  StageWeights weights_;
  std::vector<Sight> forwards_, backwards_; ///< By microbatch; of B or I, where passes predict.
  std::vector<int64_t> mismatch_;           ///< By microbatch: what F aims at less what B sees.
  std::vector<int32_t> kept_; ///< Of two buffers: versions stashed and to be restored.
  std::optional<Lag> lag_;    ///< Of rules that are one number per rank.
  int32_t predicted_ = -1;
  Place predictedAt_;
};

} // namespace

void checkVersions(const Schedule &schedule, Findings &findings) {
  bool hasVersions = schedule.weights.rule != WeightRule::Latest && schedule.isAsynchronous();
  for (const std::vector<Action> &list : schedule.actions)
    hasVersions |= std::ranges::any_of(
        list, [](const Action &action) { return action.kind >= Kind::OptimizerStep; });
  if (!hasVersions)
    return; // All passes see the one version there is.
  std::vector<StageVersions> stages;
  for (int32_t s = 0; s < schedule.stages(); ++s)
    stages.emplace_back(schedule, s, findings);
  auto forEach = [&](auto visit) {
    for (int32_t rank = 0; rank < schedule.ranks; ++rank) {
      const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
      for (size_t i = 0; i < list.size(); ++i)
        visit(stages[static_cast<size_t>(list[i].stage)], list[i], Place{rank, i});
    }
  };
  forEach(
      [](StageVersions &stage, const Action &action, Place place) { stage.count(action, place); });
  forEach(
      [](StageVersions &stage, const Action &action, Place place) { stage.read(action, place); });
  for (size_t s = 0; s < stages.size(); ++s)
    stages[s].finish(schedule.rankOf[s]);
}

} // namespace recast::schedule
