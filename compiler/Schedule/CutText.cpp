#include "compiler/Schedule/Cut.h"

#include <algorithm>
#include <fmt/ranges.h>

namespace recast::schedule {
namespace {

/// "3", "3-4", "2-5, 7"; numbers ascend.
std::string ranges(const std::vector<int32_t> &numbers) {
  std::vector<std::string> out;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1)
      ++end;
    out.push_back(end - i == 1 ? fmt::format("{}", numbers[i])
                               : fmt::format("{}-{}", numbers[i], numbers[end - 1]));
    i = end;
  }
  return fmt::format("{}", fmt::join(out, ", "));
}

std::string versions(const std::vector<int32_t> &numbers) {
  return (numbers.size() == 1 ? "version " : "versions ") + ranges(numbers);
}

std::string microbatches(const std::vector<int32_t> &numbers) {
  return (numbers.size() == 1 ? "microbatch " : "microbatches ") + ranges(numbers);
}

std::vector<int32_t> unique(std::vector<int32_t> numbers) {
  std::ranges::sort(numbers);
  auto [first, last] = std::ranges::unique(numbers);
  numbers.erase(first, last);
  return numbers;
}

std::vector<int32_t> heldBy(const StageCut &stage, Replay replay) {
  std::vector<int32_t> out;
  for (const HeldPass &held : stage.held)
    if (held.replay == replay)
      out.push_back(held.pass.microbatch);
  return out;
}

std::vector<int32_t> versionsSeen(const StageCut &stage, Replay replay) {
  std::vector<int32_t> out;
  for (const HeldPass &held : stage.held)
    if (held.replay == replay)
      out.push_back(held.saw.version);
  return unique(out);
}

std::string where(size_t stage, const StageCut &cut) {
  return fmt::format("stage {} (rank {})", stage, cut.rank);
}

/// What of a stage must be saved besides W, m and v.
void addNeeds(size_t index, const StageCut &stage, std::vector<std::string> &out) {
  std::string at = where(index, stage);
  if (!stage.stashed.empty())
    out.push_back(fmt::format("Save of {}: {} of W, stashed.", at, versions(stage.stashed)));
  if (stage.lostPrediction)
    out.push_back(fmt::format("Save of {}: the predicted weights; the next pass of microbatch {} "
                              "sees them, and they come from a version before.",
                              at, *stage.lostPrediction));
  if (!stage.gradients.empty())
    out.push_back(
        fmt::format("Save of {}: the gradient sum, of {}.", at, microbatches(stage.gradients)));
  if (auto replayed = heldBy(stage, Replay::Exact); !replayed.empty())
    out.push_back(fmt::format("Of {}: forwards of {} can be run again with {}.", at,
                              microbatches(replayed),
                              versions(versionsSeen(stage, Replay::Exact))));
  if (auto older = heldBy(stage, Replay::Older); !older.empty())
    out.push_back(fmt::format("Save of {}: activations of {}, or {} of W: the forwards saw them, "
                              "and they are not held.",
                              at, microbatches(older),
                              versions(versionsSeen(stage, Replay::Older))));
  if (auto predicted = heldBy(stage, Replay::Predicted); !predicted.empty())
    out.push_back(fmt::format("Save of {}: activations of {}, or the predicted weights, or {} of "
                              "W, m and v to predict them again.",
                              at, microbatches(predicted),
                              versions(versionsSeen(stage, Replay::Predicted))));
  if (auto split = heldBy(stage, Replay::Split); !split.empty())
    out.push_back(fmt::format("Save of {}: what the weight parts of {} read; the input parts have "
                              "run.",
                              at, microbatches(split)));
}

std::string verdict(const Cut &cut) {
  if (cut.isExact())
    return "Resuming from W, m and v is exact: nothing is in flight, no gradient waits, no older "
           "version is needed.";
  std::vector<std::string> reasons;
  if (!cut.inFlight.empty())
    reasons.push_back(microbatches(cut.inFlight) +
                      (cut.inFlight.size() == 1 ? " is in flight" : " are in flight"));
  auto any = [&](auto member) {
    return std::ranges::any_of(cut.stages, [&](const StageCut &s) { return !(s.*member).empty(); });
  };
  if (any(&StageCut::gradients))
    reasons.emplace_back("gradients wait for their update");
  if (any(&StageCut::stashed))
    reasons.emplace_back("later passes see stashed versions");
  if (std::ranges::any_of(cut.stages,
                          [](const StageCut &s) { return s.lostPrediction.has_value(); }))
    reasons.emplace_back("later passes see a prediction made before");
  return fmt::format("Resuming from W, m and v alone is not exact: {}.", fmt::join(reasons, "; "));
}

} // namespace

std::vector<std::string> sentences(const Cut &cut) {
  std::vector<std::string> out;
  if (cut.isConsistent())
    out.push_back(fmt::format("All stages are at version {}.", cut.stages.front().version));
  else
    for (size_t s = 0; s < cut.stages.size(); ++s)
      out.push_back(
          fmt::format("{} is at version {}.", where(s, cut.stages[s]), cut.stages[s].version));
  if (!cut.isConsistent())
    out.emplace_back("Versions differ: layers cannot move to other stages from this cut.");
  out.push_back(verdict(cut));
  for (size_t s = 0; s < cut.stages.size(); ++s)
    addNeeds(s, cut.stages[s], out);
  for (bool isGradient : {false, true}) {
    std::vector<std::string> under;
    for (const Transit &transit : cut.transit)
      if (transit.isGradient == isGradient)
        under.push_back(
            fmt::format("microbatch {} to stage {}", transit.to.microbatch, transit.to.stage));
    if (under.empty())
      continue;
    out.push_back(isGradient
                      ? fmt::format("Save gradients under way: {}.", fmt::join(under, ", "))
                      : fmt::format("Activations are under way, and come back where forwards "
                                    "are run again: {}.",
                                    fmt::join(under, ", ")));
  }
  if (!cut.inFlight.empty())
    out.emplace_back("Forwards that are run again need their data, the random state they began "
                     "with and deterministic kernels.");
  return out;
}

} // namespace recast::schedule
