#include "compiler/Schedule/ClosedForms.h"

#include <algorithm>
#include <cmath>

namespace recast::schedule {
namespace {

ClosedForm always(double value) { return {value, true, ""}; }
ClosedForm under(std::string_view condition, bool holds, double value) {
  return {value, holds, condition};
}

/// Kinds are read with '_' for '-' too.
std::string canonical(std::string_view kind) {
  std::string out(kind);
  std::ranges::replace(out, '_', '-');
  return out;
}

/// Microbatches that run through one chunk before the next: given, or as PyTorch chooses.
double groupOf(const Shape &shape) {
  return shape.group > 0 ? shape.group
                         : shape.microbatches / std::max(1, shape.microbatches / shape.ranks);
}

bool isShape(const Shape &shape) {
  return shape.ranks >= 1 && shape.chunks >= 1 && shape.microbatches >= 1;
}

} // namespace

std::optional<ClosedForm> spanBubbleOf(std::string_view kind, const Shape &shape,
                                       const Costs &costs) {
  std::string name = canonical(kind);
  if (!isShape(shape))
    return std::nullopt;
  double f = costs.forward, i = costs.input, w = costs.weight, others = shape.ranks - 1;
  int64_t p = shape.ranks, m = shape.microbatches;
  bool isEqual = f == i && i == w;
  std::optional<ClosedForm> out;
  if (name == "gpipe" || name == "1f1b")
    out = always(others * (f + i + w));
  else if (name == "interleaved" || name == "looped-bfs")
    out = under("m >= p", m >= p, others * (f + i + w));
  else if (name == "zb-h1" || name == "interleaved-zb")
    out = under("m >= p and w <= f", m >= p && w <= f, others * (f + i - w));
  else if (name == "zb-v")
    out = under("m >= 2p - 1 and f = i = w", m >= 2 * p - 1 && isEqual, 0);
  else if (name == "dualpipe-v")
    out = under("f = i = w", isEqual, others * (f + 2 * i - w));
  bool isPlain = costs.backward == i + w && costs.comm == 0 && costs.overlap == 1 &&
                 std::ranges::all_of(costs.stageFactor, [](double x) { return x == 1; });
  if (out && (!isPlain || !std::isfinite(out->value) ||
              !checkCosts(costs, static_cast<int32_t>(costs.stageFactor.size()))))
    out->holds = false;
  return out;
}

std::optional<ClosedForm> peakActivationsOf(std::string_view kind, const Shape &shape,
                                            int32_t rank) {
  std::string name = canonical(kind);
  if (!isShape(shape))
    return std::nullopt;
  double p = shape.ranks, v = shape.chunks, m = shape.microbatches;
  if (name == "gpipe" || name == "looped-bfs")
    return always(m * v);
  if (name == "1f1b")
    return always(std::min(m, p - rank));
  if (name == "interleaved")
    return always(std::min(m * v, (v - 1) * groupOf(shape) + 2 * (p - 1 - rank) + 1));
  if (name == "zb-h1" || name == "interleaved-zb")
    return always(std::min(m * v, (v - 1) * groupOf(shape) + p));
  if (name == "zb-v")
    return under("m >= 2p - 1", m >= 2 * p - 1, 2 * p);
  if (name == "dualpipe-v")
    return always(2 * p + 1);
  return std::nullopt;
}

} // namespace recast::schedule
