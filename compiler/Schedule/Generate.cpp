#include "compiler/Schedule/Generate.h"

#include "compiler/Schedule/Generators.h"
#include "runtime/base/NearestName.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// More actions than any machine holds; bounds what a command line can ask for.
constexpr int64_t kMaxActions = int64_t{1} << 31;

struct Kind {
  std::string_view name;
  int32_t usualChunks;
  bool isAsynchronous;
  Result<Schedule> (*generate)(const Shape &shape);
};

constexpr Kind kKinds[] = {
    {"1f1b", 1, false, oneForwardOneBackward},
    {"2bw", 1, true, pipeDream2BW},
    {"async", 1, true, asynchronousLatest},
    {"dualpipe-v", 2, false, dualPipeV},
    {"gpipe", 1, false, gpipe},
    {"interleaved", 2, false, interleaved},
    {"interleaved-zb", 2, false, interleavedZeroBubble},
    {"looped-bfs", 2, false, loopedBfs},
    {"pipedream", 1, true, pipeDream},
    {"pipeoptim-code", 1, true, pipeOptimCode},
    {"pipeoptim-paper", 1, true, pipeOptimPaper},
    {"spectrain", 1, true, specTrain},
    {"xpipe", 1, true, xPipe},
    {"zb-h1", 1, false, zeroBubbleH1},
    {"zb-v", 2, false, zeroBubbleV},
};

const Kind *find(std::string_view kind) {
  std::string name(kind);
  std::replace(name.begin(), name.end(), '_', '-');
  const Kind *known = std::ranges::find(kKinds, name, &Kind::name);
  return known == std::end(kKinds) ? nullptr : known;
}

Status checkUpdates(const Kind &kind, const Shape &shape) {
  if (shape.updateEvery < 0 || shape.updateEvery > shape.microbatches)
    return usage(fmt::format("{}: an update after every {} microbatches of {}", kind.name,
                             shape.updateEvery, shape.microbatches));
  if (kind.isAsynchronous)
    return {};
  if (shape.updateEvery != 0 && shape.updateEvery != shape.microbatches)
    return usage(fmt::format("{} updates the weights once, after all microbatches ({}), not after "
                             "every {}; give {} microbatches, or an asynchronous kind",
                             kind.name, shape.microbatches, shape.updateEvery, shape.updateEvery));
  if (shape.weights && shape.weights->rule != WeightRule::Latest)
    return usage(fmt::format("{} is synchronous: every pass sees the latest weights; another rule "
                             "is for kinds that update while microbatches are under way",
                             kind.name));
  return {};
}

} // namespace

std::vector<std::string> kinds() {
  std::vector<std::string> out;
  for (const Kind &kind : kKinds)
    out.emplace_back(kind.name);
  return out;
}

int32_t usualChunks(std::string_view kind) {
  const Kind *known = find(kind);
  return known ? known->usualChunks : 1;
}

Result<Schedule> generate(std::string_view kind, const Shape &shape) {
  if (shape.ranks < 1 || shape.chunks < 1 || shape.microbatches < 1 || shape.group < 0)
    return usage("ranks, chunks and microbatches of a schedule are at least 1");
  if (int64_t{shape.ranks} * shape.chunks > kMaxActions / 3 / shape.microbatches)
    return usage(fmt::format("{} ranks of {} chunks and {} microbatches are too many actions",
                             shape.ranks, shape.chunks, shape.microbatches));
  if (const Kind *known = find(kind)) {
    RECAST_TRY(checkUpdates(*known, shape));
    RECAST_ASSIGN(Schedule out, known->generate(shape));
    out.kind = known->name;
    return out;
  }
  std::vector<std::string> names = kinds();
  std::string nearest = nearestName(kind, names);
  return fail(Error(Code::Usage, fmt::format("there is no kind of schedule '{}'", kind))
                  .hint(nearest.empty() ? fmt::format("Known: {}.", fmt::join(names, ", "))
                                        : fmt::format("Did you mean '{}'?", nearest)));
}

} // namespace recast::schedule
