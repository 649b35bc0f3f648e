// The definition of a layout, element by element: what the fast code is judged by, and what the
// oracle (compiler/Interpret) reads. Deliberately naive; shares nothing with Pieces.
#pragma once

#include "runtime/layout/Layout.h"

namespace recast::layout {

/// The content of one slot of a rank's local buffer: a logical element, or padding.
struct Slot {
  int32_t part = -1; ///< -1: padding, or an element of another member of the group buffer.
  int64_t index = 0; ///< Row-major index in the logical tensor of that part.
  bool operator==(const Slot &) const = default;
};

/// Slot by slot content of the local buffer of `rank`. For small tensors: an error beyond 2^20
/// slots.
Result<std::vector<Slot>> elementMap(const Layout &layout,
                                     const std::vector<std::vector<int64_t>> &shapes, int64_t rank,
                                     FlatPosition position = {});

} // namespace recast::layout
