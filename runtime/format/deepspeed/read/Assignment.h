// Several ordered lists of slots that were filled from one ordered list of items: which item went
// where?
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace recast::format::deepspeed {

struct Assignment {
  bool exists = false;
  std::vector<std::vector<size_t>> groups; ///< Item of every slot, where nothing is doubtful.
  std::vector<size_t> doubtful;            ///< Items that different assignments place differently.
};

/// Every slot takes one item, items in increasing order within a group; items may stay out.
/// `fits(item, group, slot)`. Finds the assignment if it is the only one. More than a million
/// partial assignments count as doubt about every item.
Assignment assignInOrder(size_t items, const std::vector<size_t> &groupSizes,
                         const std::function<bool(size_t, size_t, size_t)> &fits);

} // namespace recast::format::deepspeed
