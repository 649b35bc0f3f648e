// Which tensors are compared while bytes stream by: `cast(master) == weight` (D7, "armed").
#pragma once

#include "compiler/Bind/Resolve.h"

namespace recast::compiler {

/// For each tensor of the source, the weight its cast must equal, or -1. On where the order of a
/// flat buffer is uncertain (then it is an error if no weight exists), where both are read anyway,
/// or where the job asks for it.
Result<std::vector<int32_t>> armChecks(const Job &job, const format::Inventory &source,
                                       const Resolution &resolution, bool asked);

} // namespace recast::compiler
