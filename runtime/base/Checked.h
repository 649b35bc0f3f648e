// Arithmetic on sizes that come from files: an overflow is an answer, never a wrap.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

namespace recast {

template <std::integral T> std::optional<T> checkedAdd(T a, T b) {
  T out;
  if (__builtin_add_overflow(a, b, &out))
    return std::nullopt;
  return out;
}

template <std::integral T> std::optional<T> checkedMul(T a, T b) {
  T out;
  if (__builtin_mul_overflow(a, b, &out))
    return std::nullopt;
  return out;
}

/// Product of non-negative extents; nothing if one is negative or the product overflows.
inline std::optional<int64_t> elementCount(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    if (extent == 0) {
      empty = true;
      continue;
    }
    auto next = checkedMul(count, extent);
    if (!next)
      return std::nullopt;
    count = *next;
  }
  return empty ? 0 : count;
}

/// `[offset, offset + size)` lies inside `[0, limit)`.
inline bool rangeInside(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

inline int64_t ceilDiv(int64_t a, int64_t b) { return a / b + (a % b != 0); }

} // namespace recast
