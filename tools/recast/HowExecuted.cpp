#include "tools/recast/HowExecuted.h"

#include <fmt/format.h>

namespace recast::tools {
namespace {

std::string kernelName(const recipe::Recipe &slice, device::cpu::KernelFinder &kernels) {
  if (recipe::isCopy(slice))
    return "copy, no kernel";
  auto [kernel, origin] = kernels.find(slice.hash(), slice.str());
  return kernel.run ? fmt::format("{} ({})", kernel.name, origin) : "interpreter";
}

} // namespace

std::string howExecuted(const recipe::Recipe &slice, device::cpu::KernelFinder &kernels) {
  if (slice.checkCount() == 0)
    return kernelName(slice, kernels);
  std::string out;
  for (unsigned side : {0u, 1u}) {
    std::vector<uint16_t> inputs;
    recipe::Recipe computed = recipe::sliceForCheckSide(slice, 0, side, inputs);
    if (!recipe::isCopy(computed))
      out += kernelName(computed, kernels) + ", then ";
  }
  return out + "compare";
}

} // namespace recast::tools
