// Views of torch as layouts.
#pragma once

#include "runtime/layout/Layout.h"

#include <cstdint>
#include <vector>

namespace recast::format::torch {

/// Copies of one storage that a broadcast or overlapping view may be laid over.
inline constexpr int64_t kMaxViewRanks = 4096;

/// The layout of a view of `shape` with `strides` (elements, none negative). A dimension along
/// which the view meets the same elements again (`expand`, overlapping windows of `as_strided`)
/// becomes a mesh axis, each rank of which reads the same storage: within one rank no slot is met
/// twice. Fails where that would take more than kMaxViewRanks ranks.
Result<layout::Layout> viewLayout(const std::vector<int64_t> &shape,
                                  const std::vector<int64_t> &strides);

} // namespace recast::format::torch
