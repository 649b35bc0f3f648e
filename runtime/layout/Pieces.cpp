#include "runtime/layout/Pieces.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/ListedPieces.h"
#include "runtime/layout/Place.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::layout {

int64_t Piece::elementCount() const {
  int64_t count = 1;
  for (const BoxDim &dim : dims)
    count *= dim.extent;
  return count;
}

int64_t Cell::elementCount() const {
  int64_t count = 1;
  for (int64_t extent : extents)
    count *= extent;
  return count;
}

namespace {

/// Walks the ranks that hold something: step by step over the coordinates that leave a non-empty
/// tensor, then over those of a chunk or flat interval by division, then over the replicas.
class RankWalk {
public:
  RankWalk(const ResolvedLayout &layout, FlatPosition position)
      : layout_(layout), position_(position), coordinates_(layout.meshSizes.size(), kFree) {
    for (int64_t size : layout.axisSizes)
      axes_.push_back({0, size, size});
  }

  Result<Fragment> only(int64_t rank);
  /// What is before the flat cut; nothing on ranks of other stages.
  std::optional<LocalTensor> tensorOf(int64_t rank);
  Result<std::vector<Fragment>> all();

private:
  static constexpr int64_t kFree = -1;

  void walkStep(size_t step);
  void walkSplit(const AxisSplit &split, const std::vector<int64_t> &factors, size_t at, int64_t q,
                 size_t nextStep);
  void walkChunk(size_t chunk, const LocalTensor &tensor);
  void walkFlat(const LocalTensor &tensor);
  void walkReplicas(size_t meshAxis, Fragment &fragment);

  /// Gives the mesh axes `by` the coordinates of rank `q` along them, or makes them free again.
  void fix(const std::vector<int> &by, int64_t q);
  void release(const std::vector<int> &by);
  /// Rank along `by`, whose coordinates are all fixed.
  int64_t rankAlong(const std::vector<int> &by) const;
  /// Cuts the axes of `split` to the share of rank `q` along its mesh axes.
  void cutOne(const AxisSplit &split, int64_t q);
  std::vector<int64_t> localExtents(const AxisSplit &split) const;
  Range rangeOf(const AxisSplit &split, const std::vector<int64_t> &factors, size_t at,
                int64_t digit) const;
  /// Elements of the buffer's interval on each rank, and where the tensor starts in it.
  struct FlatShape {
    int64_t share = 0, start = 0;
  };
  Result<FlatShape> flatShape(int64_t elements) const;
  int64_t waysOf(int meshAxis) const { return layout_.meshSizes[meshAxis]; }

  const ResolvedLayout &layout_;
  FlatPosition position_;
  std::vector<int64_t> coordinates_;
  std::vector<LocalAxis> axes_;
  std::vector<Fragment> found_;
  size_t pieceCount_ = 0;
  Status status_;
};

void RankWalk::fix(const std::vector<int> &by, int64_t q) {
  for (size_t i = by.size(); i-- > 0; q /= waysOf(by[i]))
    coordinates_[by[i]] = q % waysOf(by[i]);
}

void RankWalk::release(const std::vector<int> &by) {
  for (int axis : by)
    coordinates_[axis] = kFree;
}

int64_t RankWalk::rankAlong(const std::vector<int> &by) const {
  int64_t q = 0;
  for (int axis : by)
    q = q * waysOf(axis) + coordinates_[axis];
  return q;
}

void RankWalk::cutOne(const AxisSplit &split, int64_t q) {
  std::vector<int64_t> factors = splitFactors(localExtents(split), split.ways);
  for (size_t at = factors.size(); at-- > 0; q /= factors[at])
    cutAxis(axes_[split.axes[at]], rangeOf(split, factors, at, q % factors[at]));
}

std::vector<int64_t> RankWalk::localExtents(const AxisSplit &split) const {
  std::vector<int64_t> out;
  for (int axis : split.axes)
    out.push_back(axes_[axis].extent);
  return out;
}

Range RankWalk::rangeOf(const AxisSplit &split, const std::vector<int64_t> &factors, size_t at,
                        int64_t digit) const {
  // All axes but the last are cut by a divisor.
  SplitRule rule = at + 1 < factors.size() ? SplitRule::Even : split.rule;
  return splitRange(rule, split.bounds, axes_[split.axes[at]].extent, factors[at], digit);
}

Result<RankWalk::FlatShape> RankWalk::flatShape(int64_t elements) const {
  int64_t ways = waysOf(layout_.flat->by);
  if (layout_.flat->scope == FlatScope::PerParam)
    return FlatShape{ceilDiv(elements, ways), 0};
  auto [start, total] = position_;
  if (start < 0 || total < 0 || start > total || elements > total - start)
    return badInput(fmt::format("elements [{}, {} + {}) do not lie in a group buffer of {}", start,
                                start, elements, total));
  if (total % ways != 0)
    return badInput(
        fmt::format("a group buffer of {} elements does not divide over {} ranks", total, ways));
  return FlatShape{total / ways, start};
}

Result<Fragment> RankWalk::only(int64_t rank) {
  if (layout_.pieces) {
    RECAST_ASSIGN(std::vector<Fragment> one, listedFragments(layout_, rank));
    return std::move(one.front());
  }
  Fragment out;
  out.rank = rank;
  std::optional<LocalTensor> tensor = tensorOf(rank);
  if (!tensor)
    return out;
  LocalBuffer buffer = ravel(*tensor);
  out.storedElements = buffer.elements;
  out.pieces = std::move(buffer.pieces);
  if (layout_.flat) {
    RECAST_ASSIGN(FlatShape shape, flatShape(buffer.elements));
    int64_t lo = coordinates_[layout_.flat->by] * shape.share - shape.start;
    buffer.pieces = std::move(out.pieces);
    out.pieces = cutBuffer(buffer, lo, lo + shape.share);
    out.storedElements = shape.share;
  }
  canonicalise(out.pieces);
  return out;
}

std::optional<LocalTensor> RankWalk::tensorOf(int64_t rank) {
  for (size_t i = layout_.meshSizes.size(); i-- > 0; rank /= waysOf(static_cast<int>(i)))
    coordinates_[i] = rank % waysOf(static_cast<int>(i));
  if (layout_.stage &&
      !std::ranges::binary_search(layout_.stage->at, coordinates_[layout_.stage->by]))
    return std::nullopt;
  for (const AxisStep &step : layout_.axisSteps) {
    if (const auto *pad = std::get_if<AxisPad>(&step)) {
      padAxis(axes_[pad->axis], pad->multiple);
      continue;
    }
    const auto &split = std::get<AxisSplit>(step);
    cutOne(split, rankAlong(split.by));
  }
  LocalTensor tensor = placeParts(layout_, axes_);
  for (auto [dim, by] : layout_.chunks)
    tensor = chunkDim(
        tensor, dim,
        splitRange(SplitRule::Ceil, {}, tensor.dimExtents[dim], waysOf(by), coordinates_[by]));
  return tensor;
}

Result<std::vector<Fragment>> RankWalk::all() {
  if (layout_.pieces)
    return listedFragments(layout_, std::nullopt);
  if (holdsAny(layout_, axes_))
    walkStep(0);
  if (!status_)
    return fail(std::move(status_).error());
  std::ranges::sort(found_, {}, &Fragment::rank);
  return std::move(found_);
}

void RankWalk::walkStep(size_t step) {
  if (step == layout_.axisSteps.size())
    return walkChunk(0, placeParts(layout_, axes_));
  if (const auto *pad = std::get_if<AxisPad>(&layout_.axisSteps[step])) {
    LocalAxis before = axes_[pad->axis];
    padAxis(axes_[pad->axis], pad->multiple);
    walkStep(step + 1);
    axes_[pad->axis] = before;
    return;
  }
  const auto &split = std::get<AxisSplit>(layout_.axisSteps[step]);
  if (coordinates_[split.by.front()] != kFree) { // an earlier step on other parts has chosen them
    std::vector<LocalAxis> before = axes_;
    cutOne(split, rankAlong(split.by));
    if (holdsAny(layout_, axes_))
      walkStep(step + 1);
    axes_ = std::move(before);
    return;
  }
  walkSplit(split, splitFactors(localExtents(split), split.ways), 0, 0, step + 1);
}

void RankWalk::walkSplit(const AxisSplit &split, const std::vector<int64_t> &factors, size_t at,
                         int64_t q, size_t nextStep) {
  if (at == factors.size()) {
    fix(split.by, q);
    walkStep(nextStep);
    release(split.by);
    return;
  }
  LocalAxis before = axes_[split.axes[at]];
  for (int64_t digit = 0; digit < factors[at] && status_; ++digit) {
    Range range = rangeOf(split, factors, at, digit);
    cutAxis(axes_[split.axes[at]], range);
    bool any = holdsAny(layout_, axes_);
    if (any)
      walkSplit(split, factors, at + 1, q * factors[at] + digit, nextStep);
    axes_[split.axes[at]] = before;
    // Elements are a prefix of an axis: behind them nothing comes any more.
    if (!any && range.begin >= before.valid)
      break;
  }
}

void RankWalk::walkChunk(size_t chunk, const LocalTensor &tensor) {
  if (chunk == layout_.chunks.size())
    return walkFlat(tensor);
  auto [dim, by] = layout_.chunks[chunk];
  int64_t extent = tensor.dimExtents[dim];
  for (int64_t at = 0; status_;) {
    auto next = nextInDim(tensor, dim, at);
    if (!next)
      break;
    coordinates_[by] = *next / ceilDiv(extent, waysOf(by));
    Range range = splitRange(SplitRule::Ceil, {}, extent, waysOf(by), coordinates_[by]);
    walkChunk(chunk + 1, chunkDim(tensor, dim, range));
    at = range.end;
  }
  coordinates_[by] = kFree;
}

void RankWalk::walkFlat(const LocalTensor &tensor) {
  LocalBuffer buffer = ravel(tensor);
  Fragment fragment;
  if (!layout_.flat) {
    fragment.storedElements = buffer.elements;
    fragment.pieces = std::move(buffer.pieces);
    canonicalise(fragment.pieces);
    return walkReplicas(0, fragment);
  }
  auto shape = flatShape(buffer.elements);
  if (!shape) {
    status_ = fail(std::move(shape).error());
    return;
  }
  fragment.storedElements = shape->share;
  int by = layout_.flat->by;
  for (int64_t at = 0; status_;) {
    auto next = nextInBuffer(buffer, at);
    if (!next)
      break;
    coordinates_[by] = (shape->start + *next) / shape->share;
    int64_t lo = coordinates_[by] * shape->share - shape->start;
    fragment.pieces = cutBuffer(buffer, lo, lo + shape->share);
    canonicalise(fragment.pieces);
    walkReplicas(0, fragment);
    at = lo + shape->share;
  }
  coordinates_[by] = kFree;
}

void RankWalk::walkReplicas(size_t meshAxis, Fragment &fragment) {
  if (meshAxis < coordinates_.size()) {
    if (coordinates_[meshAxis] != kFree)
      return walkReplicas(meshAxis + 1, fragment);
    auto visit = [&](int64_t at) {
      coordinates_[meshAxis] = at;
      walkReplicas(meshAxis + 1, fragment);
    };
    if (layout_.stage && layout_.stage->by == static_cast<int>(meshAxis))
      for (int64_t at : layout_.stage->at)
        visit(at);
    else
      for (int64_t at = 0; at < layout_.meshSizes[meshAxis] && status_; ++at)
        visit(at);
    coordinates_[meshAxis] = kFree;
    return;
  }
  fragment.rank = 0;
  for (size_t i = 0; i < coordinates_.size(); ++i)
    fragment.rank = fragment.rank * layout_.meshSizes[i] + coordinates_[i];
  pieceCount_ += fragment.pieces.size();
  if (pieceCount_ > kMaxItems) {
    status_ = badInput("the layout has too many pieces to list");
    return;
  }
  found_.push_back(fragment);
}

} // namespace

static Status hasRank(const ResolvedLayout &resolved, const Layout &layout, int64_t rank) {
  if (rank < 0 || rank >= resolved.rankCount())
    return badInput(fmt::format("there is no rank {} in the mesh {}", rank, layout.mesh.str()));
  return {};
}

Result<Fragment> fragment(const Layout &layout, const std::vector<std::vector<int64_t>> &shapes,
                          int64_t rank, FlatPosition position) {
  RECAST_ASSIGN(ResolvedLayout resolved, resolve(layout, shapes));
  RECAST_TRY(hasRank(resolved, layout, rank));
  return RankWalk(resolved, position).only(rank);
}

Result<std::vector<Fragment>> fragments(const Layout &layout,
                                        const std::vector<std::vector<int64_t>> &shapes,
                                        FlatPosition position) {
  RECAST_ASSIGN(ResolvedLayout resolved, resolve(layout, shapes));
  return RankWalk(resolved, position).all();
}

Result<std::vector<Fragment>> fragmentsOfPart(const Layout &layout,
                                              const std::vector<std::vector<int64_t>> &shapes,
                                              uint32_t part, FlatPosition position) {
  RECAST_ASSIGN(ResolvedLayout resolved, resolve(layout, shapes));
  if (part >= resolved.parts.size())
    return badInput(fmt::format("there is no part {} in a layout of {}", part, shapes.size()));
  resolved.only = part;
  return RankWalk(resolved, position).all();
}

Result<Fragment> fragmentOfPart(const Layout &layout,
                                const std::vector<std::vector<int64_t>> &shapes, uint32_t part,
                                int64_t rank, FlatPosition position) {
  RECAST_ASSIGN(ResolvedLayout resolved, resolve(layout, shapes));
  if (part >= resolved.parts.size())
    return badInput(fmt::format("there is no part {} in a layout of {}", part, shapes.size()));
  RECAST_TRY(hasRank(resolved, layout, rank));
  resolved.only = part;
  return RankWalk(resolved, position).only(rank);
}

Result<std::vector<int64_t>>
localShape(const Layout &layout, const std::vector<std::vector<int64_t>> &shapes, int64_t rank) {
  RECAST_ASSIGN(ResolvedLayout resolved, resolve(layout, shapes));
  RECAST_TRY(hasRank(resolved, layout, rank));
  if (resolved.flat || resolved.pieces || resolved.stage)
    return badInput(fmt::format("a rank holds no tensor with dimensions by `{}`", layout.str()));
  return RankWalk(resolved, {}).tensorOf(rank)->dimExtents;
}

std::string shareName(const Layout &layout, int64_t rank) {
  std::string coordinates;
  if (!layout.steps.empty() && std::holds_alternative<PieceList>(layout.steps.back()))
    coordinates = fmt::format(" rank {}", rank); // The list names ranks, not axes.
  std::vector<int64_t> at = layout.mesh.coordinates(rank);
  for (size_t i = 0; i < at.size(); ++i)
    for (const Step &step : layout.steps)
      if (std::vector<std::string> named = meshAxesOf(step);
          std::ranges::find(named, layout.mesh.axes[i]) != named.end()) {
        coordinates += fmt::format(" {} = {}", layout.mesh.axes[i], at[i]);
        break;
      }
  return coordinates.empty() ? "" : layout.str() + " at" + coordinates;
}

} // namespace recast::layout
