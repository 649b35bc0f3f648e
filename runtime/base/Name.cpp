#include "runtime/base/Name.h"

#include "runtime/base/TextIndex.h"

#include <cstdlib>
#include <mutex>

namespace recast {

std::string *Name::blocks_[22] = {};

class Name::Pool {
public:
  Pool() { find({}); }

  uint32_t find(std::string_view text) {
    const uint32_t hash = TextIndex::hashOf(text);
    std::lock_guard lock(mutex_);
    uint32_t number = index_.findOrAdd(hash, [&](uint32_t other) { return textOf(other) == text; });
    if (number == count_)
      add(text);
    return number;
  }

  uint32_t count() {
    std::lock_guard lock(mutex_);
    return static_cast<uint32_t>(count_);
  }

private:
  static const std::string &textOf(uint32_t number) {
    Name name;
    name.number_ = number;
    return name.str();
  }

  /// Behind the last one.
  void add(std::string_view text) {
    const size_t at = count_ + kFirstBlock;
    const auto block = static_cast<size_t>(std::bit_width(at) - std::bit_width(kFirstBlock));
    if (block >= std::size(blocks_))
      std::abort(); // The texts before it are 128 GiB.
    const size_t size = size_t{kFirstBlock} << block;
    if (!blocks_[block])
      blocks_[block] = new std::string[size];
    blocks_[block][at - size] = text;
    ++count_;
  }

  std::mutex mutex_;
  TextIndex index_;
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
