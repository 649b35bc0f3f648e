// Kernels that were generated when Recast was built and are linked into the runtime.
#pragma once

#include <cstdint>
#include <string_view>

namespace recast::device::cpu {

/// Processes `count` elements; `in` and `out` are arrays of base pointers, one per slot, in any
/// alignment. Does not read or change MXCSR-dependent behaviour: integer arithmetic only.
using KernelFn = void (*)(const void *const *in, void *const *out, int64_t count);

struct Kernel {
  KernelFn run = nullptr;
  std::string_view name; ///< For `explain`: e.g. "f32_bf16.x86-64-v3".
};

/// The best built-in kernel for a recipe hash on this CPU; `run` is null if there is none.
Kernel builtinKernel(uint64_t recipeHash);

} // namespace recast::device::cpu
