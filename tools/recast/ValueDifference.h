// How two arrays of one dtype differ.
#pragma once

#include "runtime/base/DType.h"

#include <cstdint>
#include <optional>
#include <string>

namespace recast::tools {

struct ValueDifference {
  int64_t first = 0;       ///< Index of the first element that differs.
  std::string left, right; ///< Its bits, in hex.
  uint64_t count = 0;      ///< Elements that differ.
  /// Largest distance of two numbers at one place, and in steps between neighbouring values of the
  /// dtype (0 between +0 and -0); none where the dtype has no such thing, or only NaNs differ.
  std::optional<double> maxAbs;
  std::optional<uint64_t> maxUlps;

  /// `element 3 is 0x3f80 and 0x3f81; 1 of 8 elements differ, by at most 0.0078125 (1 ulp)`.
  std::string str(uint64_t elements) const;
};

/// Nothing if they are equal. `left` and `right` hold equally many whole elements, little-endian.
/// `nanIsNan`: any two NaNs are equal; else bits decide.
std::optional<ValueDifference> compareValues(const std::string &left, const std::string &right,
                                             DType type, bool nanIsNan);

} // namespace recast::tools
