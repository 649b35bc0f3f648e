// Where the elements of one rank lie: local axes after pads and splits, then boxes over the stored
// dimensions, then pieces of the local buffer. Private to this folder.
#pragma once

#include "runtime/layout/Pieces.h"
#include "runtime/layout/Resolve.h"

#include <optional>

namespace recast::layout {

/// A named axis as one rank has it: slot x < valid holds logical index start + x, the slots in
/// [valid, extent) are padding. Pads and splits keep this form.
struct LocalAxis {
  int64_t start = 0, valid = 0, extent = 0;
};

void padAxis(LocalAxis &axis, int64_t multiple);
/// Keeps the slots [range.begin, range.end).
void cutAxis(LocalAxis &axis, Range range);

/// A box over the stored dimensions. Its position along stored dimension d is
/// `dimOffsets[d] + sum(index * dimStride)` over the BoxAxis of that dimension.
struct BoxAxis {
  int64_t extent = 1; ///< >= 2
  int64_t logicalStride = 0;
  int64_t dimStride = 0;
  int dim = 0;
};
struct PlacedBox {
  uint32_t part = 0;
  int64_t logicalOffset = 0;
  std::vector<int64_t> dimOffsets;
  std::vector<BoxAxis> axes; ///< By dim, then outer to inner.
};

/// The local tensor of a rank before the flat cut.
struct LocalTensor {
  std::vector<int64_t> dimExtents;
  std::vector<PlacedBox> boxes; ///< Non-empty parts only.
};

/// Whether any part that is wanted has an element left.
bool holdsAny(const ResolvedLayout &layout, std::span<const LocalAxis> axes);
LocalTensor placeParts(const ResolvedLayout &layout, std::span<const LocalAxis> axes);

/// Keeps [range.begin, range.end) of stored dimension `dim`.
LocalTensor chunkDim(const LocalTensor &tensor, int dim, Range range);
/// The smallest occupied position >= lo along `dim`.
std::optional<int64_t> nextInDim(const LocalTensor &tensor, int dim, int64_t lo);

/// The local tensor ravelled; dimensions merged and in storage order (falling storedStride).
struct LocalBuffer {
  int64_t elements = 0;
  std::vector<Piece> pieces;
};
LocalBuffer ravel(const LocalTensor &tensor);
/// The pieces inside [lo, hi) of the buffer, their offsets counted from lo.
std::vector<Piece> cutBuffer(const LocalBuffer &buffer, int64_t lo, int64_t hi);
std::optional<int64_t> nextInBuffer(const LocalBuffer &buffer, int64_t lo);

/// Pieces as `Fragment` promises them: dimensions merged, in logical order, sorted.
void canonicalise(std::vector<Piece> &pieces);

} // namespace recast::layout
