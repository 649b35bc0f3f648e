// The order in which CPython 3.11 walks a set of non-negative integers. PyTorch frees parameters in
// that order, so lists that agree with its own need it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace recast::schedule {

/// Open addressing by value. A value takes the last removed place on its way to a free one.
class HashOrderedSet {
public:
  bool contains(int32_t value) const;
  /// `value` is not in the set.
  void add(int32_t value);
  /// `value` is in the set.
  void remove(int32_t value);
  std::vector<int32_t> values() const;

private:
  /// Whether a free place was taken, not a removed one.
  bool place(int32_t value);

  static constexpr int32_t kFree = -1, kRemoved = -2;
  std::vector<int32_t> table_ = std::vector<int32_t>(8, kFree);
  size_t taken_ = 0; ///< Places not free.
};

} // namespace recast::schedule
