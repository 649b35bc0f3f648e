// Explicit lists of pieces: what readers build from chunk tables and strided views, and how the
// step `pieces` takes part in a layout.
#pragma once

#include "runtime/layout/Layout.h"

#include <span>

namespace recast::layout {

/// The layout of a tensor of `shape` that lies with `strides` (elements, one per dimension, each
/// >= 0) from some element on, as torch's views do: element (i, j, ...) at i * stride0 + j *
/// stride1 + ... Whole if that is row-major order, else one piece. An error where two elements
/// share a slot or may do so (`expand`, overlapping windows): such a view is no layout.
Result<Layout> stridedView(const std::vector<int64_t> &shape, const std::vector<int64_t> &strides);

/// The box `[offsets, offsets + sizes)` of a row-major tensor of `shape`, which lies row-major by
/// itself at `storedOffset` of its buffer. An error if it leaves the tensor.
Result<Piece> boxPiece(const std::vector<int64_t> &shape, const std::vector<int64_t> &offsets,
                       const std::vector<int64_t> &sizes, int64_t storedOffset = 0);

/// A tensor of `shape` whose rank r holds `ranks[r]`; the mesh has one axis, `piece`, or none for a
/// single rank. Whole if one rank holds everything in row-major order. Verified.
Result<Layout> listedLayout(const std::vector<int64_t> &shape,
                            std::vector<std::vector<Piece>> ranks);

} // namespace recast::layout
