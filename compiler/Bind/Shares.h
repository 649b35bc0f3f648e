// The outputs of a job by the shares of a tensor that they are.
#pragma once

#include "compiler/Bind/Resolve.h"

#include <vector>

namespace recast::compiler {

/// The outputs of one share: a family computes what all of its outputs hold, so ranks that hold
/// different elements are in different ones. All targets that hold tensors whole are one share.
/// Cells of a Resolution, in its order.
using Share = std::vector<const Cell *>;

/// Shares in the order in which their first tensors come, that of whole tensors first.
std::vector<Share> sharesOf(const Job &job, const Resolution &resolution);

/// The masters that each share holds against their weights, ascending: those of which it writes one
/// or the other; what none writes, the first one checks.
std::vector<std::vector<uint32_t>> checkedIn(const std::vector<Share> &shares,
                                             const std::vector<int32_t> &armed);

} // namespace recast::compiler
