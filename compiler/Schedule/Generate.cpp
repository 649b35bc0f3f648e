#include "compiler/Schedule/Generate.h"

#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/Generators.h"
#include "runtime/base/NearestName.h"
#include "runtime/base/Printable.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// A GiB of them; bounds what a command line can ask for. Lists of 64 ranks with 8 chunks and
/// 40,000 microbatches are below it.
constexpr int64_t kMaxActions = int64_t{1} << 26;

struct Kind {
  std::string_view name;
  int32_t usualChunks;
  bool isAsynchronous;
  bool hasGroups; ///< Shape::group means something.
  Result<Schedule> (*generate)(const Shape &shape);
};

constexpr Kind kKinds[] = {
    {"1f1b", 1, false, false, oneForwardOneBackward},
    {"2bw", 1, true, false, pipeDream2BW},
    {"async", 1, true, false, asynchronousLatest},
    {"dualpipe-v", 2, false, false, dualPipeV},
    {"gpipe", 1, false, false, gpipe},
    {"interleaved", 2, false, true, interleaved},
    {"interleaved-zb", 2, false, true, interleavedZeroBubble},
    {"looped-bfs", 2, false, false, loopedBfs},
    {"pipedream", 1, true, false, pipeDream},
    {"pipeoptim-code", 1, true, false, pipeOptimCode},
    {"pipeoptim-paper", 1, true, false, pipeOptimPaper},
    {"spectrain", 1, true, false, specTrain},
    {"xpipe", 1, true, false, xPipe},
    {"zb-h1", 1, false, false, zeroBubbleH1},
    {"zb-v", 2, false, false, zeroBubbleV},
};

const Kind *find(std::string_view kind) {
  std::string name(kind);
  std::replace(name.begin(), name.end(), '_', '-');
  const Kind *known = std::ranges::find(kKinds, name, &Kind::name);
  return known == std::end(kKinds) ? nullptr : known;
}

Status checkGroup(const Kind &kind, const Shape &shape) {
  if (kind.hasGroups || shape.group == 0)
    return {};
  return usage(fmt::format("{} has no groups of microbatches; interleaved kinds have", kind.name));
}

Status checkUpdates(const Kind &kind, const Shape &shape) {
  RECAST_TRY(checkUpdateEvery(shape.updateEvery, shape.microbatches));
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

bool hasGroups(std::string_view kind) {
  const Kind *known = find(kind);
  return known && known->hasGroups;
}

Result<std::string> kindNamed(std::string_view kind) {
  if (const Kind *known = find(kind))
    return std::string(known->name);
  std::vector<std::string> names = kinds();
  std::string nearest = nearestName(kind, names);
  return fail(
      Error(Code::Usage, fmt::format("there is no kind of schedule '{}'", printable(kind, 60)))
          .hint(nearest.empty() ? fmt::format("Known: {}.", fmt::join(names, ", "))
                                : fmt::format("Did you mean '{}'?", nearest)));
}

Result<Schedule> generate(std::string_view kind, const Shape &shape) {
  if (shape.ranks < 1 || shape.chunks < 1 || shape.microbatches < 1 || shape.group < 0)
    return usage("ranks, chunks and microbatches of a schedule are at least 1");
  if (int64_t{shape.ranks} * shape.chunks > kMaxActions / 3 / shape.microbatches)
    return usage(fmt::format(
        "{} ranks x {} chunks x {} microbatches are too many actions: up to three of each, and {} "
        "are the most",
        shape.ranks, shape.chunks, shape.microbatches, kMaxActions));
  RECAST_TRY(kindNamed(kind));
  const Kind &known = *find(kind);
  RECAST_TRY(checkGroup(known, shape));
  RECAST_TRY(checkUpdates(known, shape));
  RECAST_ASSIGN(Schedule out, known.generate(shape));
  out.kind = known.name;
  return out;
}

} // namespace recast::schedule
