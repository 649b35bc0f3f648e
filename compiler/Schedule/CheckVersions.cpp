// Weight actions that can be, and passes that see the weights that the schedule's rule says.
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Findings.h"
#include "compiler/Schedule/Lag.h"

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
    bool isConstant = weights.rule == WeightRule::Predict && weights.lagRule != LagRule::Derived &&
                      weights.lagRule != LagRule::XPipe;
    if (isConstant)
      lag_ =
          constantLag(weights.lagRule, schedule.ranks, schedule.rankOf[static_cast<size_t>(stage)],
                      std::max(schedule.updateEvery, 1), weights.lag);
  }

  /// Of every action before any is read: until when stashed versions are kept.
  void prepare(const Action &action, Place place) {
    if (action.kind == Kind::OptimizerStep)
      lastRestore_.push_back(0);
    else if (action.kind == Kind::Restore)
      restores_.emplace_back(action.value, place.index);
  }
  void prepared() {
    lastRestore_.push_back(0);
    isStashed_.assign(lastRestore_.size(), false);
    for (auto [version, index] : restores_)
      if (exists(version))
        lastRestore_[static_cast<size_t>(version)] = index;
    restores_.clear();
  }

  void read(const Action &action, Place place) {
    switch (action.kind) {
    case Kind::OptimizerStep:
      if (active_ != latest_ || ahead_ != 0)
        bad(place, fmt::format("updates version {} while {} is active; RESTORE@{} belongs before",
                               latest_, activeText(), latest_));
      active_ = ++latest_;
      ahead_ = 0;
      break;
    case Kind::Stash:
      if (action.value != latest_)
        bad(place, fmt::format("keeps version {}, but the latest is {}", action.value, latest_));
      else
        stash(place);
      break;
    case Kind::Predict:
      predicted_ = action.microbatch;
      active_ = latest_;
      ahead_ = action.value;
      predictedAt_ = place;
      break;
    case Kind::Restore:
      if (action.value != latest_ &&
          !(exists(action.value) && isStashed_[static_cast<size_t>(action.value)]))
        bad(place, fmt::format("names a version that is neither the latest, {}, nor was stashed",
                               latest_));
      active_ = action.value;
      ahead_ = 0;
      break;
    case Kind::Forward:
    case Kind::Backward:
    case Kind::BackwardInput:
    case Kind::BackwardWeight:
      pass(action, place);
      break;
    default:
      break;
    }
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

  std::string activeText() const {
    return ahead_ == 0 ? fmt::format("version {}", active_)
                       : fmt::format("version {} predicted {} ahead", active_, ahead_);
  }

  bool exists(int32_t version) const {
    return version >= 0 && static_cast<size_t>(version) < lastRestore_.size();
  }

  void stash(Place place) {
    isStashed_[static_cast<size_t>(latest_)] = true;
    if (schedule_.weights.rule != WeightRule::DoubleBuffer)
      return;
    // What no RESTORE follows holds nothing from now on.
    std::erase_if(kept_, [&](int32_t version) {
      return lastRestore_[static_cast<size_t>(version)] < place.index;
    });
    kept_.push_back(latest_);
    // With the version that the OPT to come makes.
    if (kept_.size() > 1)
      bad(place, fmt::format("makes more than two versions: {} are kept beside the latest",
                             numbersText(kept_)));
  }

  void pass(const Action &action, Place place) {
    if (ahead_ != 0 && action.microbatch != predicted_)
      bad(place,
          fmt::format("sees weights predicted for microbatch {}, by {}", predicted_,
                      placeText(schedule_, predictedAt_)),
          {predictedAt_});
    Sight sight{active_, ahead_, place.index};
    Sight &forward = forwards_[static_cast<size_t>(action.microbatch)];
    bool isForward = action.kind == Kind::Forward;
    if (isForward)
      forward = sight;
    const WeightPolicy &weights = schedule_.weights;
    if (weights.rule == WeightRule::Predict) {
      bool isConstant = weights.lagRule != LagRule::Derived && weights.lagRule != LagRule::XPipe;
      int32_t stated = isForward ? lag_.forward : lag_.backward;
      if (isConstant && ahead_ != stated)
        bad(place, fmt::format("sees {}; the rule says {} ahead", activeText(), stated));
      // The weight part follows its input part in what it sees.
      if (!isForward && action.kind != Kind::BackwardWeight)
        mismatch_[static_cast<size_t>(action.microbatch)] = forward.aim() - sight.aim();
      return;
    }
    if (ahead_ != 0)
      bad(place, fmt::format("sees {}, but the schedule does not predict", activeText()));
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
  std::vector<Sight> forwards_;     ///< By microbatch.
  std::vector<int64_t> mismatch_;   ///< By microbatch: what F aims at less what B sees.
  std::vector<size_t> lastRestore_; ///< By version: where in the list.
  std::vector<bool> isStashed_;     ///< By version.
  std::vector<int32_t> kept_;       ///< Of two buffers: versions stashed and to be restored.
  std::vector<std::pair<int32_t, size_t>> restores_; ///< While preparing.
  Lag lag_;
  int32_t latest_ = 0, active_ = 0, ahead_ = 0, predicted_ = -1;
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
  forEach([](StageVersions &stage, const Action &action, Place place) {
    stage.prepare(action, place);
  });
  for (StageVersions &stage : stages)
    stage.prepared();
  forEach(
      [](StageVersions &stage, const Action &action, Place place) { stage.read(action, place); });
  for (size_t s = 0; s < stages.size(); ++s)
    stages[s].finish(schedule.rankOf[s]);
}

} // namespace recast::schedule
