// A target without files: what a rank restores lies in memory, for whoever runs the plan in its own
// process.
#pragma once

#include "runtime/format/TargetWriter.h"

namespace recast::format {

const TargetTraits &memoryTraits();

/// One image, all tensors of all roles in the order of the request, each at a multiple of
/// kMemoryAlignment; values of no dimensions are among its literals (FileImage::values). Nothing is
/// committed.
Result<std::unique_ptr<TargetWriter>> createMemoryWriter(WriteRequest request);

/// A cache line, and enough for vector instructions and copies to devices.
inline constexpr uint64_t kMemoryAlignment = 64;

} // namespace recast::format
