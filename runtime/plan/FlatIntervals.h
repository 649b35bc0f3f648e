// Members of a group buffer (`flat .. per group`) without their layout's fragments: most pieces of
// a large plan are such, and a division finds them.
#pragma once

#include "runtime/layout/Layout.h"
#include "runtime/plan/CellRuns.h"

#include <optional>

namespace recast::plan {

/// A layout that is nothing but one group buffer over one axis of its mesh.
class FlatIntervals {
public:
  /// Nothing for other layouts.
  static std::optional<FlatIntervals> of(const layout::Layout &layout);

  /// The intervals of a member of `elements`, as asIntervals makes them of its fragments with
  /// Holders::First. False where the member does not fit the buffer, or the buffer its ranks:
  /// fragmentsOfPart says what is wrong.
  bool at(layout::FlatPosition position, int64_t elements, std::vector<Interval> &out) const;

private:
  int64_t ways_ = 1;
  int64_t stride_ = 1; ///< From one rank of the buffer to the next, in ranks of the mesh.
};

} // namespace recast::plan
