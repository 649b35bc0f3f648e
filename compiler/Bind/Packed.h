// Stored tensors of a target that several logical tensors make up: every part has a source or an
// `init`, padding is zero, and all agree on a dtype.
#pragma once

#include "compiler/Bind/Resolve.h"

namespace recast::compiler {

/// Completes a resolution of cells (adds fills, joins numbers that parts share) or fails with
/// Code::Usage, naming the stored tensor and the logical one that is missing.
Status fillPacked(const Job &job, const Ends &ends, Resolution &resolution);

} // namespace recast::compiler
