// Whether what a recipe computes is a number: an overflow inside a prediction would otherwise
// become a weight without a word.
#pragma once

#include "runtime/recipe/Recipe.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace recast::exec {

/// Finds elements whose computed value is not finite although everything that it is computed from
/// is. Meant is the value before the casts that follow it: those have rules of their own.
class FiniteCheck {
public:
  /// `slice` has one output and does not outlive its check. Only arithmetic needs one.
  explicit FiniteCheck(const recipe::Recipe &slice);
  bool isNeeded() const { return !value_.nodes.empty(); }

  /// The first of the results [from, count) at `out` that a value could hide behind which is not
  /// finite: infinities, NaNs and, where a cast saturates, its largest value. `count` if there is
  /// none.
  int64_t suspect(const std::byte *out, int64_t from, int64_t count) const;
  /// `inputs` point at what one element of the slice is computed from. Its value ("inf", "-inf",
  /// "nan") if it is not finite and all of them are.
  std::optional<std::string> lost(std::span<const std::byte *const> inputs) const;

private:
  recipe::Recipe value_;
  std::vector<uint16_t> inputs_;  ///< Per input of `value_`, that of the slice.
  unsigned width_ = 0;            ///< Bytes of a result.
  uint64_t mask_ = 0, least_ = 0; ///< Magnitude bits of a result; the first that is suspicious.
};

} // namespace recast::exec
