#include "compiler/Schedule/Check.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Findings.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::schedule {

void Findings::add(std::string_view code, std::string message, std::vector<Place> places,
                   Severity severity) {
  hasErrors_ |= severity == Severity::Error;
  auto found = counts_.find(code);
  size_t count = ++(found == counts_.end() ? counts_[std::string(code)] : found->second);
  if (count <= kMost)
    findings_.push_back({std::string(code), severity, std::move(message), std::move(places)});
}

std::vector<Finding> Findings::take() {
  for (const auto &[code, count] : counts_)
    if (count > kMost) {
      auto last = std::find_if(findings_.rbegin(), findings_.rend(),
                               [&](const Finding &finding) { return finding.code == code; });
      last->message += fmt::format("; {} more like it", count - kMost);
    }
  return std::move(findings_);
}

std::string numbersText(std::span<const int32_t> sorted) {
  std::string out;
  size_t ranges = 0;
  for (size_t i = 0; i < sorted.size(); ++ranges) {
    size_t last = i;
    while (last + 1 < sorted.size() && sorted[last + 1] == sorted[last] + 1)
      ++last;
    if (ranges == 8)
      return out + fmt::format(" and {} more", sorted.size() - i);
    out += fmt::format("{}{}", ranges == 0 ? "" : ", ", sorted[i]);
    if (last > i)
      out += fmt::format("{}{}", last == i + 1 ? ", " : "-", sorted[last]);
    i = last + 1;
  }
  return out;
}

void checkMemory(const Schedule &schedule, const Limits &limits, Findings &findings) {
  if (!limits.activations)
    return;
  auto simulation = simulate(schedule, {limits.costs, limits.release});
  if (!simulation) {
    findings.add("memory-limit", simulation.error().message());
    return;
  }
  for (int32_t rank = 0; rank < schedule.ranks; ++rank) {
    auto r = static_cast<size_t>(rank);
    int64_t peak = simulation->ranks[r].peakActivations;
    if (peak <= *limits.activations)
      continue;
    const std::vector<Action> &list = schedule.actions[r];
    std::vector<Place> live;
    size_t at = 0;
    for (; static_cast<int64_t>(live.size()) <= *limits.activations; ++at) {
      if (list[at].kind == ActionKind::Forward)
        live.push_back({rank, at});
      else if (releases(list[at].kind, limits.release))
        std::erase_if(live, [&](Place place) {
          return list[place.index].stage == list[at].stage &&
                 list[place.index].microbatch == list[at].microbatch;
        });
    }
    std::vector<std::string> names;
    for (size_t i = 0; i < std::min<size_t>(live.size(), 12); ++i)
      names.push_back(str(list[live[i].index]));
    findings.add("memory-limit",
                 fmt::format("rank {} holds {} activations at time {}, with {}; the limit is {}, "
                             "its peak {}. They are of {}{}",
                             rank, live.size(), simulation->start[r][at - 1],
                             placeText(schedule, live.back()), *limits.activations, peak,
                             fmt::join(names, ", "), names.size() < live.size() ? ", ..." : ""),
                 live);
  }
}

std::vector<Finding> check(const Schedule &schedule, const Limits &limits) {
  Limits checked = limits;
  if (checked.channelDepth)
    checked.channelDepth = std::max(*checked.channelDepth, 0);
  if (checked.activations)
    checked.activations = std::max<int64_t>(*checked.activations, 0);
  Findings findings;
  checkPlaces(schedule, findings);
  if (!findings.hasErrors())
    checkCoverage(schedule, findings);
  if (findings.hasErrors())
    return findings.take();
  checkSteps(schedule, findings);
  checkVersions(schedule, findings);
  checkChannelOrder(schedule, findings);
  bool proceeds = checkProgress(schedule, std::nullopt, findings);
  // Room in channels is a matter of their order, so of lists that keep to it.
  if (!findings.hasErrors() && checked.channelDepth)
    checkProgress(schedule, checked.channelDepth, findings);
  if (proceeds)
    checkMemory(schedule, checked, findings);
  if (!findings.hasErrors())
    checkKind(schedule, findings);
  return findings.take();
}

bool isProved(std::span<const Finding> findings) {
  return std::ranges::none_of(
      findings, [](const Finding &finding) { return finding.severity == Severity::Error; });
}

} // namespace recast::schedule
