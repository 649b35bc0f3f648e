#include "compiler/Schedule/Explicit.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Generate.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {

int32_t chunksOf(const Schedule &schedule) {
  std::vector<int32_t> chunks(static_cast<size_t>(schedule.ranks), 0);
  for (int32_t rank : schedule.rankOf)
    ++chunks[static_cast<size_t>(rank)];
  return std::max(1, *std::max_element(chunks.begin(), chunks.end()));
}

Status checkPlace(const Schedule &schedule, int32_t rank, const Action &action) {
  if (action.stage >= schedule.stages())
    return badInput(fmt::format("'{}' is of stage {}; there are {}, from 0", str(action),
                                action.stage, schedule.stages()));
  int32_t home = schedule.rankOf[static_cast<size_t>(action.stage)];
  if (home != rank)
    return badInput(fmt::format("'{}' is in the list of rank {}, but stage {} is on rank {}",
                                str(action), rank, action.stage, home));
  if (action.microbatch >= schedule.microbatches)
    return badInput(fmt::format("'{}' is of microbatch {}; there are {}, from 0", str(action),
                                action.microbatch, schedule.microbatches));
  return {};
}

Status checkUpdateEvery(int32_t every, int32_t microbatches) {
  if (every >= 0 && every <= microbatches)
    return {};
  return usage(fmt::format("an update after every {} microbatches of {}", every, microbatches));
}

Status checkChunks(const Schedule &schedule, int32_t stated) {
  if (int32_t chunks = chunksOf(schedule); stated != chunks)
    return usage(fmt::format("{} chunks, but `rank_of` gives a rank {} stage{} at most", stated,
                             chunks, chunks == 1 ? "" : "s"));
  return {};
}

Result<std::string> listsNamed(std::string_view kind) {
  if (kind == "explicit")
    return std::string(kind);
  auto known = kindNamed(kind);
  if (!known)
    return fail(
        std::move(known).error().hint("Lists of one's own have no kind, or are 'explicit'."));
  return known;
}

Status checkSize(const Schedule &schedule) {
  uint64_t actions = 0, passes = uint64_t{2} * static_cast<uint32_t>(schedule.stages()) *
                                 static_cast<uint32_t>(schedule.microbatches);
  for (const std::vector<Action> &list : schedule.actions)
    actions += list.size();
  if (passes / 4 > actions)
    return badInput(
        fmt::format("{} microbatches through {} stages are {} passes at least; the lists have {} "
                    "actions",
                    schedule.microbatches, schedule.stages(), passes, actions));
  return {};
}

} // namespace recast::schedule
