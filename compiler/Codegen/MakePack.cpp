#include "compiler/Codegen/MakePack.h"

#include "compiler/Codegen/Codegen.h"
#include "compiler/Codegen/LinkLibrary.h"
#include "compiler/Codegen/Ptx.h"
#include "runtime/device/cpu/KernelCache.h"
#include "runtime/device/cpu/KernelFinder.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::codegen {

std::vector<recipe::Recipe> kernelsOfPlan(const plan::Plan &plan) {
  std::vector<recipe::Recipe> out;
  for (const plan::Family &family : plan.families)
    for (recipe::Recipe &kernel : recipe::kernelSlices(family.recipe))
      if (std::find(out.begin(), out.end(), kernel) == out.end())
        out.push_back(std::move(kernel));
  return out;
}

Result<std::string> makePack(std::span<const recipe::Recipe> recipes, std::string_view level) {
  RECAST_ASSIGN(Target target, findTarget(level));
  std::vector<Kernel> kernels;
  std::vector<device::cpu::PackedKernel> entries;
  for (const recipe::Recipe &recipe : recipes) {
    kernels.push_back({recipe, device::cpu::packSymbol(kernels.size())});
    entries.push_back(
        {recipe.hash(), recipe.str(), fmt::format("{}.{}", recipe::shortName(recipe), level)});
    if (entries.back().recipeText.size() > UINT16_MAX)
      return usage("a recipe is too long for a kernel pack");
  }
  RECAST_ASSIGN(std::string object, compileObject(kernels, target));
  RECAST_ASSIGN(std::string library, linkLibrary(object));
  return device::cpu::writePack(level, entries, library);
}

Result<std::string> makePtx(std::span<const recipe::Recipe> recipes, std::string_view target) {
  const Target *found = findPtxTarget(target);
  if (!found)
    return findTarget(target).map([](const Target &) { return std::string(); });
  std::vector<Kernel> kernels;
  for (const recipe::Recipe &recipe : recipes)
    kernels.push_back({recipe, "recast_" + recipe::shortName(recipe)});
  return compilePtx(kernels, *found);
}

Result<size_t> fillKernelCache(std::span<const recipe::Recipe> recipes) {
  const std::string_view level = device::cpu::bestCpuLevel();
  if (level.empty() || device::cpu::kernelCacheFolder().empty())
    return 0;
  device::cpu::KernelFinder finder(device::cpu::KernelFinder::Cache::Use);
  size_t added = 0;
  for (const recipe::Recipe &recipe : recipes) {
    if (finder.find(recipe.hash(), recipe.str()).kernel.run)
      continue;
    RECAST_ASSIGN(std::string pack, makePack({&recipe, 1}, level));
    RECAST_TRY(device::cpu::storeInCache(recipe.hash(), level, pack));
    ++added;
  }
  return added;
}

} // namespace recast::codegen
