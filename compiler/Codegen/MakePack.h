// Packs of kernels: compiled, linked and written as the runtime reads them.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"
#include "runtime/recipe/Recipe.h"

#include <span>
#include <string>
#include <vector>

namespace recast::codegen {

/// The recipes that executing a plan runs as kernels, each once, in order of first use.
std::vector<recipe::Recipe> kernelsOfPlan(const plan::Plan &plan);

/// A pack (device::cpu::KernelPack) with a kernel for each recipe, for one CPU level. Equal inputs
/// give equal bytes.
Result<std::string> makePack(std::span<const recipe::Recipe> recipes, std::string_view level);

/// PTX with an entry point for each recipe, `nvptx` or `nvptx-sm_90`, named by recipe::shortName().
Result<std::string> makePtx(std::span<const recipe::Recipe> recipes, std::string_view target);

/// Compiles what neither the built-in table nor the cache of this user has for this CPU, and puts
/// it into the cache; says how many kernels that were.
Result<size_t> fillKernelCache(std::span<const recipe::Recipe> recipes);

} // namespace recast::codegen
