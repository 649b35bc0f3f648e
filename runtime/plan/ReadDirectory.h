// The FlatBuffers directory of an artifact -> the parts of a Plan that it holds.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"
#include "runtime/plan/artifact_generated.h"

namespace recast::plan {

/// Fills everything but the tables and the members' columns. `directory` passed the FlatBuffers
/// verifier; `bytes` is its size.
Status readDirectory(const fb::Directory &directory, size_t bytes, Plan &plan);

} // namespace recast::plan
