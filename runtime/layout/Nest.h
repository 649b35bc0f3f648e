// Nests: strided boxes seen along one coordinate. A nest has dimensions in order of falling stride,
// and each stride is at least the span of the dimensions inside it, so positions never collide and
// grow with the index. Every layout step keeps boxes nests, in the logical tensor, along each
// stored dimension and in the local buffer. Private to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace recast::layout {

struct NestDim {
  int64_t extent = 1; ///< >= 1
  int64_t stride = 1; ///< >= 1
};

/// Positions from the first to the last element, both included: 1 for a single element.
int64_t spanOf(std::span<const NestDim> dims);

/// A sub-box: the range of indices taken along each dimension.
struct IndexRange {
  int64_t begin = 0, end = 0;
};
using IndexBox = std::vector<IndexRange>;

/// The elements of the nest at `base` whose positions lie in [lo, hi), as boxes in order of
/// position: at most 2k - 1 of them for k dimensions.
std::vector<IndexBox> cutInterval(std::span<const NestDim> dims, int64_t base, int64_t lo,
                                  int64_t hi);

/// The smallest position >= lo that an element of the nest takes.
std::optional<int64_t> nextPosition(std::span<const NestDim> dims, int64_t base, int64_t lo);

} // namespace recast::layout
