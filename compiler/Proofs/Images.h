// File images are complete: the writers' part of the static proofs.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

namespace recast::compiler {

struct ImageCounts {
  uint64_t files = 0, bytes = 0;
};

/// Every target file is tiled by literals, tensor slots and kept files; every tensor has one slot
/// of its size. Errors name the file and the range.
Result<ImageCounts> proveImages(const plan::Plan &plan);

} // namespace recast::compiler
