// Which items each worker does next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

namespace recast::exec {

/// Hands out a list of items in order. Neighbouring items write to the same file, and to a file one
/// thread writes at a time: two workers would wait for each other. So each takes several, fewer and
/// fewer, so that all end together (guided self-scheduling, Polychronopoulos and Kuck 1987): half
/// of its part of the work that is left. Of the work, not of the items: with many small ones behind
/// large ones, one worker would be left with large ones when all others have nothing to do.
class Shares {
public:
  /// Half-open; empty when nothing is left.
  struct Items {
    size_t begin = 0, end = 0;
  };

  /// `workers`: at least one. `work`: of one item, in any unit; the same whenever it is asked. With
  /// `single` each share is one item.
  Shares(size_t items, unsigned workers, bool single, std::function<uint64_t(size_t)> work);

  Items take(); ///< For any thread.

private:
  const size_t items_;
  const uint64_t parts_; ///< A share is that part of the work that is left.
  const bool single_;
  const std::function<uint64_t(size_t)> work_;
  std::mutex mutex_;
  size_t next_ = 0;
  uint64_t left_ = 0; ///< Work from item next_ on.
};

} // namespace recast::exec
