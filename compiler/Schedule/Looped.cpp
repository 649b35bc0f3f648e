// Kinds whose stages are placed in a loop: some forwards, then a forward and a backward in turn,
// then the backwards that are left.
#include "compiler/Schedule/Emit.h"
#include "compiler/Schedule/Generators.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// PyTorch's rule where no group is given: as many rounds of at least p microbatches as there are.
Result<int32_t> groupOf(std::string_view kind, const Shape &shape) {
  int32_t p = shape.ranks, m = shape.microbatches;
  if (shape.group == 0) {
    int32_t rounds = std::max(1, m / p);
    if (m % rounds != 0)
      return usage(fmt::format("{}: {} microbatches do not divide into {} rounds; give a group, or "
                               "a multiple of {}",
                               kind, m, rounds, rounds));
    return m / rounds;
  }
  if (shape.group > m || shape.group < p || (m % shape.group != 0 && m % shape.group < p))
    return usage(fmt::format("{}: a group has at least {} microbatches (one per rank) and at most "
                             "{}, and the last group at least {}; {} leaves {}",
                             kind, p, m, p, shape.group, m % shape.group));
  return shape.group;
}

struct Step {
  int32_t chunk = 0, microbatch = 0;
};

/// Order of all forwards of a rank: group by group, in a group chunk by chunk.
std::vector<Step> forwardOrder(const Shape &shape, int32_t group) {
  std::vector<Step> out;
  out.reserve(static_cast<size_t>(shape.chunks) * static_cast<size_t>(shape.microbatches));
  for (int32_t begin = 0; begin < shape.microbatches; begin += group)
    for (int32_t chunk = 0; chunk < shape.chunks; ++chunk)
      for (int32_t b = begin; b < std::min(begin + group, shape.microbatches); ++b)
        out.push_back({chunk, b});
  return out;
}

/// Warm-up forwards, then one forward and one backward in turn. `split`: backwards in two parts,
/// the weight part `split` backwards later; below 0: whole backwards.
void emitRank(const Shape &shape, const std::vector<Step> &order, int32_t rank, size_t warmup,
              int32_t split, std::vector<Action> &list) {
  auto stageOf = [&](int32_t chunk) { return chunk * shape.ranks + rank; };
  auto forward = [&](size_t k) {
    list.push_back({ActionKind::Forward, false, stageOf(order[k].chunk), order[k].microbatch});
  };
  auto backward = [&](size_t k, ActionKind kind) {
    list.push_back({kind, false, stageOf(shape.chunks - 1 - order[k].chunk), order[k].microbatch});
  };
  size_t count = order.size(), weights = 0;
  list.reserve(count * (split < 0 ? 2 : 3));
  for (size_t k = 0; k < warmup; ++k)
    forward(k);
  for (size_t k = 0; k < count; ++k) {
    if (warmup + k < count)
      forward(warmup + k);
    backward(k, split < 0 ? ActionKind::Backward : ActionKind::BackwardInput);
    if (split >= 0 && k >= static_cast<size_t>(split))
      backward(weights++, ActionKind::BackwardWeight);
  }
  while (split >= 0 && weights < count)
    backward(weights++, ActionKind::BackwardWeight);
}

/// All ranks; `warmup` gives the forwards before a rank's first backward, at most all of them.
template <typename Warmup>
Schedule inTurn(const Shape &shape, int32_t group, bool splits, Warmup warmup) {
  std::vector<Step> order = forwardOrder(shape, group);
  Schedule out = emptySchedule(shape);
  for (int32_t r = 0; r < shape.ranks; ++r)
    emitRank(shape, order, r, std::min(order.size(), static_cast<size_t>(warmup(r))),
             splits ? r : -1, out.actions[static_cast<size_t>(r)]);
  return out;
}

Result<Schedule> interleave(std::string_view kind, const Shape &shape, bool splits) {
  RECAST_ASSIGN(int32_t group, groupOf(kind, shape));
  return inTurn(shape, group, splits, [&](int32_t r) {
    return int64_t{splits ? 1 : 2} * (shape.ranks - 1 - r) + int64_t{shape.chunks - 1} * group;
  });
}

} // namespace

Result<Schedule> gpipe(const Shape &shape) {
  RECAST_TRY(needChunks("gpipe", shape, 1));
  return inTurn(shape, shape.microbatches, false, [&](int32_t) { return shape.microbatches; });
}

Result<Schedule> oneForwardOneBackward(const Shape &shape) {
  RECAST_TRY(needChunks("1f1b", shape, 1));
  return inTurn(shape, shape.microbatches, false, [&](int32_t r) { return shape.ranks - 1 - r; });
}

Result<Schedule> zeroBubbleH1(const Shape &shape) {
  RECAST_TRY(needChunks("zb-h1", shape, 1));
  return inTurn(shape, shape.microbatches, true, [&](int32_t r) { return shape.ranks - 1 - r; });
}

Result<Schedule> interleaved(const Shape &shape) { return interleave("interleaved", shape, false); }

Result<Schedule> interleavedZeroBubble(const Shape &shape) {
  return interleave("interleaved-zb", shape, true);
}

Result<Schedule> loopedBfs(const Shape &shape) {
  Schedule out = emptySchedule(shape);
  for (int32_t r = 0; r < shape.ranks; ++r) {
    std::vector<Action> &list = out.actions[static_cast<size_t>(r)];
    for (int32_t chunk = 0; chunk < shape.chunks; ++chunk)
      for (int32_t b = 0; b < shape.microbatches; ++b)
        list.push_back({ActionKind::Forward, false, chunk * shape.ranks + r, b});
    for (int32_t chunk = shape.chunks - 1; chunk >= 0; --chunk)
      for (int32_t b = shape.microbatches - 1; b >= 0; --b)
        list.push_back({ActionKind::Backward, false, chunk * shape.ranks + r, b});
  }
  return out;
}

} // namespace recast::schedule
