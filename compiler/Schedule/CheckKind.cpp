// Lists that go by the name of a kind run what that kind runs.
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/Findings.h"
#include "compiler/Schedule/Generate.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// Microbatches that the first rank runs through its first stage before it turns to another.
int32_t groupOf(const Schedule &schedule) {
  int32_t group = 0;
  for (const Action &action : schedule.actions[0])
    if (action.kind == ActionKind::Forward) {
      if (action.stage != 0)
        break;
      ++group;
    }
  // Fewer than ranks is what PyTorch's rule makes of a short batch, and nobody can ask for.
  return group < schedule.ranks ? 0 : group;
}

bool isOther(const Action &action) { return !isCompute(action.kind); }

} // namespace

void checkKind(const Schedule &schedule, Findings &findings) {
  if (schedule.kind == "explicit")
    return;
  Shape shape{schedule.ranks, schedule.chunks, schedule.microbatches};
  shape.updateEvery = schedule.updateEvery;
  if (hasGroups(schedule.kind))
    shape.group = groupOf(schedule);
  auto kind = generate(schedule.kind, shape);
  if (!kind || kind->rankOf != schedule.rankOf) {
    findings.add("kind",
                 fmt::format("these are not the lists of {}: {}", schedule.kind,
                             kind ? "its stages are on other ranks" : kind.error().message()));
    return;
  }
  for (int32_t rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Action> &list = schedule.actions[static_cast<size_t>(rank)];
    const std::vector<Action> &wanted = kind->actions[static_cast<size_t>(rank)];
    // Communication, updates and weights are proved by themselves.
    auto here = list.begin(), there = wanted.begin();
    for (;; ++here, ++there) {
      here = std::find_if_not(here, list.end(), isOther);
      there = std::find_if_not(there, wanted.end(), isOther);
      if (here == list.end() || there == wanted.end() || *here != *there)
        break;
    }
    if (here == list.end() && there == wanted.end())
      continue;
    Place place{rank, static_cast<size_t>(here - list.begin())};
    bool isEnd = here == list.end();
    findings.add("kind",
                 fmt::format("these are not the lists of {}, which has {} where rank {} has {}",
                             schedule.kind,
                             there == wanted.end() ? "nothing" : fmt::format("'{}'", str(*there)),
                             rank, isEnd ? "nothing" : placeText(schedule, place)),
                 isEnd ? std::vector<Place>{} : std::vector{place});
    return;
  }
}

} // namespace recast::schedule
