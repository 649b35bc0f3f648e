// Files kept byte for byte.
#pragma once

#include "runtime/exec/Program.h"

#include <cstdint>
#include <span>

namespace recast::capi::detail {

/// One source file that is copied whole.
struct VerbatimUse {
  uint32_t source = 0; ///< Program source file.
  uint32_t target = 0; ///< Program target file.
  uint64_t offset = 0; ///< Where its first byte goes, in bytes.
};

/// Adds to `program` what copies these files, sharing reads with tasks that already touch the same
/// bytes.
Status addVerbatim(exec::Program &program, std::span<const VerbatimUse> uses);

} // namespace recast::capi::detail
