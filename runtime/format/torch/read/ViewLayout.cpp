#include "runtime/format/torch/read/ViewLayout.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/PieceList.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace recast::format::torch {
namespace {

struct Dim {
  int64_t extent = 1, logical = 0, stored = 0;
};

} // namespace

Result<layout::Layout> viewLayout(const std::vector<int64_t> &shape,
                                  const std::vector<int64_t> &strides) {
  std::vector<Dim> dims(shape.size());
  int64_t logical = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    dims[i] = {shape[i], logical, strides[i]};
    auto next = checkedMul(logical, std::max<int64_t>(shape[i], 1));
    if (!next)
      return badInput("a view whose shape does not fit 64 bits");
    logical = *next;
  }
  // From the narrowest stride on, a dimension is free of overlaps if it steps over all that the
  // narrower ones reach.
  std::vector<size_t> order(dims.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(dims[a].stored, a) < std::pair(dims[b].stored, b);
  });
  std::vector<char> isRepeated(dims.size(), 0);
  int64_t reach = 0, ranks = 1;
  for (size_t i : order) {
    const Dim &dim = dims[i];
    if (dim.extent <= 1)
      continue;
    if (dim.stored > reach) {
      reach += (dim.extent - 1) * dim.stored; // Inside the storage: it fits.
      continue;
    }
    isRepeated[i] = 1;
    auto next = checkedMul(ranks, dim.extent);
    if (!next || *next > kMaxViewRanks)
      return badInput(fmt::format("a view that meets the same elements more than {} times (expand "
                                  "or as_strided)",
                                  kMaxViewRanks));
    ranks = *next;
  }
  layout::Piece piece;
  std::vector<Dim> repeated;
  for (size_t i = 0; i < dims.size(); ++i)
    if (isRepeated[i])
      repeated.push_back(dims[i]);
    else
      piece.dims.push_back({dims[i].extent, dims[i].logical, dims[i].stored});
  std::vector<std::vector<layout::Piece>> pieces;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    layout::Piece mine = piece;
    int64_t rest = rank;
    for (size_t i = repeated.size(); i-- > 0; rest /= repeated[i].extent) {
      mine.logicalOffset += rest % repeated[i].extent * repeated[i].logical;
      mine.storedOffset += rest % repeated[i].extent * repeated[i].stored;
    }
    pieces.push_back({std::move(mine)});
  }
  return layout::listedLayout(shape, std::move(pieces));
}

} // namespace recast::format::torch
