#include "runtime/layout/PieceList.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::layout {

namespace {

std::string text(const std::vector<int64_t> &numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

/// Strides of a row-major tensor; those inside an empty one count its extents as 1.
Result<std::vector<int64_t>> rowMajor(const std::vector<int64_t> &shape) {
  if (!elementCount(shape))
    return badInput(fmt::format("the shape {} is not valid", text(shape)));
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    auto next = checkedMul(stride, std::max<int64_t>(shape[i], 1));
    if (!next)
      return badInput(fmt::format("the shape {} is not valid", text(shape)));
    stride = *next;
  }
  return strides;
}

/// Drops extents of 1 and joins dimensions that continue each other.
void simplify(std::vector<BoxDim> &dims) {
  std::vector<BoxDim> out;
  for (const BoxDim &dim : dims) {
    if (dim.extent == 1)
      continue;
    auto logical = checkedMul(dim.logicalStride, dim.extent);
    auto stored = checkedMul(dim.storedStride, dim.extent);
    if (!out.empty() && logical && stored && out.back().logicalStride == *logical &&
        out.back().storedStride == *stored)
      out.back() = {out.back().extent * dim.extent, dim.logicalStride, dim.storedStride};
    else
      out.push_back(dim);
  }
  dims = std::move(out);
}

} // namespace

Result<Piece> boxPiece(const std::vector<int64_t> &shape, const std::vector<int64_t> &offsets,
                       const std::vector<int64_t> &sizes, int64_t storedOffset) {
  RECAST_ASSIGN(std::vector<int64_t> strides, rowMajor(shape));
  auto outside = [&] {
    return badInput(fmt::format("the box at {} of size {} does not lie in a tensor of shape {}",
                                text(offsets), text(sizes), text(shape)));
  };
  if (offsets.size() != shape.size() || sizes.size() != shape.size())
    return outside();
  Piece piece;
  piece.storedOffset = storedOffset;
  int64_t stored = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (offsets[i] < 0 || sizes[i] < 1 || sizes[i] > shape[i] || offsets[i] > shape[i] - sizes[i])
      return outside();
    piece.logicalOffset += offsets[i] * strides[i];
    piece.dims.insert(piece.dims.begin(), BoxDim{sizes[i], strides[i], stored});
    stored *= sizes[i];
  }
  simplify(piece.dims);
  return piece;
}

Result<Layout> listedLayout(const std::vector<int64_t> &shape,
                            std::vector<std::vector<Piece>> ranks) {
  Layout layout;
  auto count = elementCount(shape);
  if (!count)
    return badInput(fmt::format("the shape {} is not valid", text(shape)));
  if (ranks.size() != 1)
    layout.mesh = {{"piece"}, {static_cast<int64_t>(ranks.size())}};
  for (auto &pieces : ranks)
    for (Piece &piece : pieces)
      simplify(piece.dims);
  bool whole = ranks.size() == 1 &&
               (*count == 0 ? ranks.front().empty()
                            : ranks.front() == std::vector<Piece>{{0, 0, 0, {{*count, 1, 1}}}} ||
                                  (*count == 1 && ranks.front() == std::vector<Piece>{{}}));
  if (whole)
    return layout;
  layout.steps.push_back(PieceList{std::move(ranks)});
  RECAST_TRY(verify(layout, {shape}));
  return layout;
}

Result<Layout> stridedView(const std::vector<int64_t> &shape, const std::vector<int64_t> &strides) {
  RECAST_ASSIGN(std::vector<int64_t> natural, rowMajor(shape));
  if (strides.size() != shape.size())
    return badInput(fmt::format("{} strides are given for the {} dimensions of a tensor",
                                strides.size(), shape.size()));
  if (elementCount(shape) == 0)
    return listedLayout(shape, {{}});
  Piece piece;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (strides[i] < 0)
      return badInput(fmt::format("{} is no stride", strides[i]));
    piece.dims.push_back({shape[i], natural[i], strides[i]});
  }
  auto layout = listedLayout(shape, {{std::move(piece)}});
  if (!layout)
    return badInput(fmt::format("a view of shape {} with strides {}: {}", text(shape),
                                text(strides), layout.error().message()));
  return layout;
}

} // namespace recast::layout
