#include "runtime/base/Name.h"

#include <cstdlib>
#include <mutex>
#include <vector>

namespace recast {

std::string *Name::blocks_[22] = {};

class Name::Pool {
public:
  Pool() : slots_(2 * kFirstBlock) { find({}); }

  uint32_t find(std::string_view text) {
    const auto hash = static_cast<uint32_t>(std::hash<std::string_view>()(text));
    std::lock_guard lock(mutex_);
    if (2 * (count_ + 1) > slots_.size())
      grow();
    for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      Slot &slot = slots_[at];
      if (!slot.taken)
        slot = {hash, add(text)};
      else if (slot.hash != hash || textOf(slot.taken - 1) != text)
        continue;
      return slot.taken - 1;
    }
  }

  uint32_t count() {
    std::lock_guard lock(mutex_);
    return static_cast<uint32_t>(count_);
  }

private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t taken = 0; ///< A number and 1; 0: none.
  };

  static const std::string &textOf(uint32_t number) {
    Name name;
    name.number_ = number;
    return name.str();
  }

  /// The number behind the last one, and 1.
  uint32_t add(std::string_view text) {
    const size_t at = count_ + kFirstBlock;
    const auto block = static_cast<size_t>(std::bit_width(at) - std::bit_width(kFirstBlock));
    if (block >= std::size(blocks_))
      std::abort(); // The texts before it are 128 GiB.
    const size_t size = size_t{kFirstBlock} << block;
    if (!blocks_[block])
      blocks_[block] = new std::string[size];
    blocks_[block][at - size] = text;
    return static_cast<uint32_t>(++count_);
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot &slot : old)
      if (slot.taken) {
        size_t at = slot.hash & (slots_.size() - 1);
        while (slots_[at].taken)
          at = (at + 1) & (slots_.size() - 1);
        slots_[at] = slot;
      }
  }

  std::mutex mutex_;
  std::vector<Slot> slots_; ///< By hash, the next free one where that is taken.
  size_t count_ = 0;
};

/// Made before `main`, so that the empty name has its text; names may be used until the very end.
Name::Pool &Name::pool() {
  static Pool *pool = new Pool;
  return *pool;
}

namespace {
[[maybe_unused]] const Name kMakesThePool{std::string_view()};
} // namespace

uint32_t Name::numberOf(std::string_view text) { return pool().find(text); }
uint32_t Name::count() { return pool().count(); }

} // namespace recast
