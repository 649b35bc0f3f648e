#include "runtime/exec/Shares.h"

#include <utility>

namespace recast::exec {

Shares::Shares(size_t items, unsigned workers, bool single, std::function<uint64_t(size_t)> work)
    : items_(items), parts_(uint64_t{2} * workers), single_(single), work_(std::move(work)) {
  for (size_t item = 0; item < items_ && !single_; ++item)
    left_ += work_(item);
}

Shares::Items Shares::take() {
  std::lock_guard lock(mutex_);
  const size_t begin = next_;
  if (single_) {
    if (next_ < items_)
      ++next_;
    return {begin, next_};
  }
  const uint64_t share = left_ / parts_;
  uint64_t taken = 0;
  // An item that would make it more than a share is left to others, unless it is the first.
  while (next_ < items_) {
    const uint64_t work = work_(next_);
    if (next_ > begin && taken + work > share)
      break;
    taken += work;
    ++next_;
  }
  left_ -= taken;
  return {begin, next_};
}

} // namespace recast::exec
