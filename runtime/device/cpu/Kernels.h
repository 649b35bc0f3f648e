// Kernels: generated code for recipes. Those here were generated when Recast was built and are
// linked into the runtime.
#pragma once

#include <cstdint>
#include <string_view>

namespace recast::device::cpu {

/// Processes `count` elements (none if it is negative); `in` and `out` are arrays of base pointers,
/// one per slot, in any alignment; outputs overlap nothing. Does not read or change
/// MXCSR-dependent behaviour.
using KernelFn = void (*)(const void *const *in, void *const *out, int64_t count);

/// Processes rows x columns elements (none if either is not positive). `strides` in bytes: of rows
/// and of columns, of each input, then of each output. Fast where all operands have contiguous
/// columns, and where outputs have contiguous columns and inputs contiguous rows (a transpose);
/// right for any strides that keep outputs from overlapping.
using BoxKernelFn = void (*)(const void *const *in, void *const *out, int64_t rows, int64_t columns,
                             const int64_t *strides);

/// What the name of a box kernel ends in; the rest is the contiguous one's.
inline constexpr std::string_view kBoxSuffix = "_box";

struct Kernel {
  KernelFn run = nullptr;
  BoxKernelFn runBox = nullptr;
  std::string_view name; ///< For `explain`: e.g. "f32_bf16.x86-64-v3".
};

/// The best built-in kernel for a recipe on this CPU; `run` is null if there is none. The key is
/// Recipe::hash(); the text, Recipe::str(), must match as well: plans come from anywhere, and a
/// hash that can be forged may not choose the machine code that runs.
/// The environment variable RECAST_CPU caps the feature level (x86-64-v2, ...); with any other
/// value, such as `none`, there are no built-in kernels.
Kernel builtinKernel(uint64_t recipeHash, std::string_view recipeText);

/// The best feature level that this CPU has and RECAST_CPU allows; empty if there is none.
std::string_view bestCpuLevel();
/// Whether code for a level may run here: the CPU has it and RECAST_CPU allows it.
bool cpuSupports(std::string_view level);

} // namespace recast::device::cpu
