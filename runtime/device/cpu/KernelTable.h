// The table that recast-kernelgen writes beside the objects it compiles.
#pragma once

#include "runtime/device/cpu/Kernels.h"

#include <cstddef>

namespace recast::device::cpu {

struct TableEntry {
  uint64_t recipeHash;
  std::string_view recipeText;
  std::string_view level; ///< CPU feature level, e.g. "x86-64-v3".
  Kernel kernel;
};

/// One entry per recipe and level, in no particular order.
extern const TableEntry kKernelTable[];
extern const size_t kKernelTableSize;

} // namespace recast::device::cpu
