// A mesh: named axes, major to minor in rank order.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace recast::layout {

/// More ranks than any run has; keeps tables that a hostile plan asks for small.
inline constexpr int64_t kMaxRanks = int64_t{1} << 20;

/// Rank = mixed-radix number of its coordinates, first axis major: on (dp = 2, tp = 4) rank 5 is
/// dp 1, tp 1. A mesh without axes has one rank.
struct Mesh {
  std::vector<std::string> axes;
  std::vector<int64_t> sizes; ///< One per axis, each >= 1.

  /// Product of the sizes; 0 if the mesh is not valid (see `verify`).
  int64_t rankCount() const;
  /// Index of the axis, or -1.
  int axisIndex(std::string_view name) const;
  /// One coordinate per axis; `rank` in [0, rankCount()).
  std::vector<int64_t> coordinates(int64_t rank) const;
  std::string str() const; ///< "(dp = 2, tp = 4)"
  bool operator==(const Mesh &) const = default;
};

/// Names are names and differ, sizes are positive, at most kMaxRanks ranks.
Status verify(const Mesh &mesh);

} // namespace recast::layout
