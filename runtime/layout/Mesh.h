// A mesh: named axes, major to minor in rank order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace recast::layout {

/// Rank = mixed-radix number of its coordinates, first axis major: on (dp = 2, tp = 4) rank 5 is
/// dp 1, tp 1. A mesh without axes has one rank.
struct Mesh {
  std::vector<std::string> axes;
  std::vector<int64_t> sizes; ///< One per axis, each >= 1.

  int64_t rankCount() const;
  /// Index of the axis, or -1.
  int axisIndex(std::string_view name) const;
  std::vector<int64_t> coordinates(int64_t rank) const;
  std::string str() const; ///< "(dp = 2, tp = 4)"
  bool operator==(const Mesh &) const = default;
};

} // namespace recast::layout
