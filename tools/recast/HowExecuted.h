// How a slice of a recipe is executed on this CPU.
#pragma once

#include "runtime/device/cpu/KernelFinder.h"
#include "runtime/recipe/Recipe.h"

#include <string>

namespace recast::tools {

/// "copy, no kernel", "f32_bf16 (built in)", "interpreter"; of a check, its computed sides and then
/// "compare".
std::string howExecuted(const recipe::Recipe &slice, device::cpu::KernelFinder &kernels);

} // namespace recast::tools
