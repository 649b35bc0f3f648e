// What happens once per update or around a stage's compute: gathered parameters, reduced gradients,
// optimizer steps.
#include "compiler/Schedule/Findings.h"

#include <fmt/format.h>

namespace recast::schedule {
namespace {

using Kind = ActionKind;
constexpr size_t kNone = SIZE_MAX;

struct Uses {
  bool comms = false, steps = false, reductions = false;
};

/// One stage, along its rank's list.
class StageSteps {
public:
  StageSteps(const Schedule &schedule, int32_t stage, const Uses &uses, Findings &findings)
      : schedule_(schedule), findings_(findings), stage_(stage),
        every_(schedule.isAsynchronous() ? schedule.updateEvery : schedule.microbatches),
        uses_(uses) {}

  /// Whether the list says when parameters are gathered.
  bool isSharded = false;

  void read(const Action &action, Place place) {
    switch (action.kind) {
    case Kind::Backward:
    case Kind::BackwardWeight:
      finishBackward(place);
      break;
    case Kind::ReduceGradient:
      reduce(place);
      break;
    case Kind::OptimizerStep:
      update(place);
      break;
    case Kind::Unshard:
      if (gathered_ != kNone)
        findings_.add(
            "unshard-order",
            fmt::format("{} gathers what is gathered since position {}", text(place), gathered_),
            {{place.rank, gathered_}, place});
      gathered_ = place.index;
      break;
    case Kind::Reshard:
      if (gathered_ == kNone)
        findings_.add("unshard-order", text(place) + " frees what is not gathered", {place});
      gathered_ = kNone;
      break;
    default:
      break;
    }
    if (isSharded && isCompute(action.kind) && gathered_ == kNone)
      findings_.add("unshard-order",
                    text(place) + " computes with parameters that are not gathered", {place});
  }

  void finish(int32_t rank) {
    if (gathered_ != kNone)
      findings_.add("unshard-order",
                    fmt::format("{} gathers what the list never frees", text({rank, gathered_})),
                    {{rank, gathered_}});
    if (uses_.reductions && reductions_ == 0)
      findings_.add("missing-reduce", fmt::format("stage {} (rank {}) has no REDUCE_GRAD, though "
                                                  "other stages have",
                                                  stage_, rank));
    bool needsStep = uses_.steps || schedule_.isAsynchronous();
    if (!needsStep || pending_ == 0)
      return;
    findings_.add("update-count",
                  fmt::format("stage {} (rank {}) has no OPT after its last {} backward{}", stage_,
                              rank, pending_, pending_ == 1 ? "" : "s"),
                  {{rank, lastBackward_}}, pending_ < every_ ? Severity::Warning : Severity::Error);
  }

private:
  std::string text(Place place) const { return placeText(schedule_, place); }

  void finishBackward(Place place) {
    if (reduced_ != kNone)
      findings_.add("reduce-order",
                    fmt::format("{} comes after the gradients were reduced, at position {}",
                                text(place), reduced_),
                    {{place.rank, reduced_}, place});
    lastBackward_ = place.index;
    // One OPT too late is one finding, at the first backward that should have been after it.
    if (++pending_ == every_ + 1)
      findings_.add("update-count",
                    fmt::format("{} is backward {} of stage {} without an OPT; one belongs after "
                                "every {}",
                                text(place), pending_, stage_, every_),
                    {place});
  }

  void reduce(Place place) {
    if (reduced_ != kNone)
      findings_.add(
          "doubled-action",
          fmt::format("{} reduces what was reduced at position {}", text(place), reduced_),
          {{place.rank, reduced_}, place});
    else if (pending_ != every_)
      findings_.add("reduce-order",
                    fmt::format("{} comes after {} of {} backwards", text(place), pending_, every_),
                    {place});
    reduced_ = place.index;
    ++reductions_;
  }

  void update(Place place) {
    if (pending_ != every_)
      findings_.add("update-count",
                    fmt::format("{} comes after {} backward{} of stage {} since its last; one "
                                "belongs after every {}",
                                text(place), pending_, pending_ == 1 ? "" : "s", stage_, every_),
                    {place});
    if (uses_.reductions && reduced_ == kNone)
      findings_.add("reduce-order", text(place) + " comes before the REDUCE_GRAD of its gradients",
                    {place});
    pending_ = 0;
    reduced_ = kNone;
  }

  const Schedule &schedule_;
  Findings &findings_;
  const int32_t stage_, every_;
  const Uses uses_;
  int32_t pending_ = 0; ///< Backwards since the last OPT.
  size_t reductions_ = 0, gathered_ = kNone, reduced_ = kNone, lastBackward_ = 0;
};

} // namespace

void checkSteps(const Schedule &schedule, Findings &findings) {
  Uses uses;
  uses.comms = hasCommunication(schedule);
  std::vector<bool> isSharded(schedule.rankOf.size());
  for (const std::vector<Action> &list : schedule.actions)
    for (const Action &action : list) {
      uses.steps |= action.kind == Kind::OptimizerStep;
      uses.reductions |= action.kind == Kind::ReduceGradient;
      if (action.kind == Kind::Unshard || action.kind == Kind::Reshard)
        isSharded[static_cast<size_t>(action.stage)] = true;
    }
  std::vector<StageSteps> stages;
  for (int32_t s = 0; s < schedule.stages(); ++s) {
    stages.emplace_back(schedule, s, uses, findings);
    stages.back().isSharded = isSharded[static_cast<size_t>(s)];
  }
  for (int32_t rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
    for (size_t i = 0; i < list.size(); ++i)
      stages[static_cast<size_t>(list[i].stage)].read(list[i], {rank, i});
  }
  for (size_t s = 0; s < stages.size(); ++s)
    stages[s].finish(schedule.rankOf[s]);
  if (uses.comms && !uses.reductions)
    findings.add("missing-reduce",
                 "the lists have sends and receives but no REDUCE_GRAD: PyTorch's runtime then "
                 "neither scales nor reduces gradients",
                 {}, Severity::Warning);
}

} // namespace recast::schedule
