// Numbers of texts by their hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace recast {

/// An open table, probed one slot after the other. The texts lie with whoever uses it, who tells
/// whether the one of a number is the wanted one: `isIt(number)`.
class TextIndex {
public:
  static uint32_t hashOf(std::string_view text) {
    return static_cast<uint32_t>(std::hash<std::string_view>()(text));
  }

  template <typename IsIt> std::optional<uint32_t> find(uint32_t hash, IsIt isIt) const {
    if (slots_.empty())
      return std::nullopt;
    const Slot &slot = slots_[slotOf(hash, isIt)];
    return slot.taken ? std::optional(slot.taken - 1) : std::nullopt;
  }

  /// The number of the text; where it is not there, the next one, which is how many there were.
  template <typename IsIt> uint32_t findOrAdd(uint32_t hash, IsIt isIt) {
    if (2 * (count_ + 1) > slots_.size())
      grow();
    Slot &slot = slots_[slotOf(hash, isIt)];
    if (!slot.taken)
      slot = {hash, static_cast<uint32_t>(++count_)};
    return slot.taken - 1;
  }

private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t taken = 0; ///< A number and 1; 0: free.
  };

  /// Where the text is or would be.
  template <typename IsIt> size_t slotOf(uint32_t hash, IsIt isIt) const {
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].taken && (slots_[at].hash != hash || !isIt(slots_[at].taken - 1)))
      at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  void grow() {
    std::vector<Slot> before(slots_.empty() ? 16 : 2 * slots_.size());
    before.swap(slots_);
    for (const Slot &slot : before)
      if (slot.taken)
        slots_[slotOf(slot.hash, [](uint32_t) { return false; })] = slot;
  }

  std::vector<Slot> slots_; ///< As many as a power of two, half of them free.
  size_t count_ = 0;
};

} // namespace recast
