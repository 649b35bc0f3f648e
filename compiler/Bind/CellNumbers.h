// Numbers for the cells of the tensor x role matrix that a job speaks of, in the order in which
// they are met.
#pragma once

#include "runtime/base/Name.h"

#include <bit>
#include <cstdint>
#include <vector>

namespace recast::compiler {

/// A hash table made for its keys: names are numbered as they are read, and each has the same few
/// roles. Eight roles of a name lie in one line of the cache, names that follow each other in lines
/// that do.
class CellNumbers {
public:
  static constexpr uint32_t kNone = UINT32_MAX;

  /// `expected`: how many there will be, about.
  explicit CellNumbers(size_t expected) {
    keys_.reserve(expected);
    rebuild(expected);
  }

  /// The number of a cell, a new one if it has none. `role` counts roles from 0.
  uint32_t add(Name name, uint32_t role) {
    if (kSlotsPerCell * keys_.size() > slots_.size())
      rebuild(2 * keys_.size());
    uint32_t &slot = slotOf(keyOf(name, role));
    if (slot == kNone) {
      slot = static_cast<uint32_t>(keys_.size());
      keys_.push_back(keyOf(name, role));
    }
    return slot;
  }
  /// kNone: it has none.
  uint32_t find(Name name, uint32_t role) const {
    return const_cast<CellNumbers *>(this)->slotOf(keyOf(name, role));
  }
  size_t size() const { return keys_.size(); }

private:
  using Key = uint64_t;
  static constexpr size_t kSlotsPerCell = 4, kRolesPerLine = 8;

  static Key keyOf(Name name, uint32_t role) { return uint64_t{name.number()} << 32 | role; }

  uint32_t &slotOf(Key key) {
    const size_t name = key >> 32, role = key & UINT32_MAX;
    const size_t line = name + role / kRolesPerLine * kStride;
    size_t at = (line * kRolesPerLine + role % kRolesPerLine) & (slots_.size() - 1);
    while (slots_[at] != kNone && keys_[slots_[at]] != key)
      at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  void rebuild(size_t cells) {
    slots_.assign(std::bit_ceil(kSlotsPerCell * (cells + 1)), kNone);
    for (uint32_t number = 0; number < keys_.size(); ++number)
      slotOf(keys_[number]) = number;
  }

  /// Odd and large: where names have many roles, the lines of one are spread.
  static constexpr size_t kStride = 0x9E3779B97F4A7C15;

  std::vector<Key> keys_;       ///< By number.
  std::vector<uint32_t> slots_; ///< Numbers; a power of two of them, so that `&` is a remainder.
};

} // namespace recast::compiler
