// A strided box of elements: the atom of every layout that is made explicit.
#pragma once

#include <cstdint>
#include <vector>

namespace recast::layout {

/// One axis of a strided box; strides in elements.
struct BoxDim {
  int64_t extent = 1;
  int64_t logicalStride = 0;
  int64_t storedStride = 0;
  bool operator==(const BoxDim &) const = default;
};

/// A box of elements: logical element `logicalOffset + sum(i_k * logicalStride_k)` of part `part`
/// (offsets in the row-major logical tensor) lies at `storedOffset + sum(i_k * storedStride_k)` of
/// the rank's local buffer. Outer dimension first; all extents >= 1; no dimensions: one element.
struct Piece {
  uint32_t part = 0;
  int64_t logicalOffset = 0;
  int64_t storedOffset = 0;
  std::vector<BoxDim> dims;

  int64_t elementCount() const;
  bool operator==(const Piece &) const = default;
};

} // namespace recast::layout
