#include "compiler/Schedule/Generate.h"

#include "compiler/Schedule/Generators.h"
#include "runtime/base/NearestName.h"

#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// More actions than any machine holds; bounds what a command line can ask for.
constexpr int64_t kMaxActions = int64_t{1} << 31;

struct Kind {
  std::string_view name;
  int32_t usualChunks;
  Result<Schedule> (*generate)(const Shape &shape);
};

constexpr Kind kKinds[] = {
    {"1f1b", 1, oneForwardOneBackward},
    {"dualpipe-v", 2, dualPipeV},
    {"gpipe", 1, gpipe},
    {"interleaved", 2, interleaved},
    {"interleaved-zb", 2, interleavedZeroBubble},
    {"looped-bfs", 2, loopedBfs},
    {"zb-h1", 1, zeroBubbleH1},
    {"zb-v", 2, zeroBubbleV},
};

} // namespace

std::vector<std::string> kinds() {
  std::vector<std::string> out;
  for (const Kind &kind : kKinds)
    out.emplace_back(kind.name);
  return out;
}

int32_t usualChunks(std::string_view kind) {
  for (const Kind &known : kKinds)
    if (known.name == kind)
      return known.usualChunks;
  return 1;
}

Result<Schedule> generate(std::string_view kind, const Shape &shape) {
  if (shape.ranks < 1 || shape.chunks < 1 || shape.microbatches < 1 || shape.group < 0)
    return usage("ranks, chunks and microbatches of a schedule are at least 1");
  if (int64_t{shape.ranks} * shape.chunks > kMaxActions / 3 / shape.microbatches)
    return usage(fmt::format("{} ranks of {} chunks and {} microbatches are too many actions",
                             shape.ranks, shape.chunks, shape.microbatches));
  for (const Kind &known : kKinds)
    if (known.name == kind) {
      RECAST_ASSIGN(Schedule out, known.generate(shape));
      out.kind = kind;
      return out;
    }
  std::vector<std::string> names = kinds();
  std::string nearest = nearestName(kind, names);
  return fail(Error(Code::Usage, fmt::format("there is no kind of schedule '{}'", kind))
                  .hint(nearest.empty() ? fmt::format("Known: {}.", fmt::join(names, ", "))
                                        : fmt::format("Did you mean '{}'?", nearest)));
}

} // namespace recast::schedule
