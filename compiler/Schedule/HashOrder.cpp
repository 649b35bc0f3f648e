#include "compiler/Schedule/HashOrder.h"

#include <algorithm>

namespace recast::schedule {

bool HashOrderedSet::contains(int32_t value) const {
  return std::find(table_.begin(), table_.end(), value) != table_.end();
}

/// Some places in a row, where they fit in the table; then a jump.
bool HashOrderedSet::place(int32_t value) {
  constexpr size_t kInARow = 9;
  size_t mask = table_.size() - 1, rest = static_cast<size_t>(value), at = rest & mask;
  int32_t *removed = nullptr;
  while (true) {
    size_t last = at + kInARow <= mask ? at + kInARow : at;
    for (size_t i = at; i <= last; ++i) {
      if (table_[i] == kRemoved)
        removed = &table_[i];
      if (table_[i] == kFree) {
        (removed ? *removed : table_[i]) = value;
        taken_ += removed ? 0 : 1;
        return !removed;
      }
    }
    rest >>= 5;
    at = (at * 5 + 1 + rest) & mask;
  }
}

void HashOrderedSet::add(int32_t value) {
  if (!place(value) || taken_ * 5 < (table_.size() - 1) * 3)
    return;
  std::vector<int32_t> kept = values();
  size_t size = 8;
  while (size <= kept.size() * 4)
    size *= 2;
  table_.assign(size, kFree);
  taken_ = 0;
  for (int32_t one : kept)
    place(one);
}

void HashOrderedSet::remove(int32_t value) {
  *std::find(table_.begin(), table_.end(), value) = kRemoved;
}

std::vector<int32_t> HashOrderedSet::values() const {
  std::vector<int32_t> out;
  std::copy_if(table_.begin(), table_.end(), std::back_inserter(out),
               [](int32_t value) { return value >= 0; });
  return out;
}

} // namespace recast::schedule
