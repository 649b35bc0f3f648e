// Indices of tensors that lie stacked in one stored array: axes of its map instead of parts of its
// name, as in `e (f + f) h` of experts.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/layout/Layout.h"

#include <cstdint>
#include <string>
#include <vector>

namespace recast::compiler {

/// An index that the stored name leaves to the map.
struct StackedIndex {
  std::string name;
  size_t group = 0;
};

/// The axis of extent 1 that tells apart the members of the `index`-th stacked index.
std::string stackedUnit(size_t index);

/// The parts of a map are the tensors of its path.
Status checkPartCount(const layout::AxisMap &map, size_t tensors);

/// Makes each stacked index a concatenation of units, one per value that it has. `tuples`: values
/// of all indices. `parts`: tensors, `packed` for each tuple; they come in the order (tuple, member
/// of the pack) and leave in that of the map.
Status stackIndices(size_t packed, const std::vector<std::vector<int64_t>> &tuples,
                    const std::vector<StackedIndex> &stacked, layout::AxisMap &map,
                    std::vector<uint32_t> &parts);

} // namespace recast::compiler
