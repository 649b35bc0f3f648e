#include "runtime/format/Cut.h"

#include <bit>
#include <fmt/format.h>

namespace recast::format {
namespace {

std::string shown(const Tensor &tensor) {
  uint64_t bits = *tensor.scalar;
  if (tensor.dtype == DType::F32)
    return fmt::format("{}", std::bit_cast<float>(static_cast<uint32_t>(bits)));
  if (tensor.dtype == DType::F64)
    return fmt::format("{}", std::bit_cast<double>(bits));
  return fmt::format("{}", bits);
}

} // namespace

Status checkCut(plan::Cut wanted, const Inventory &source) {
  if (wanted == plan::Cut::Any)
    return {};
  auto negative = [&](std::string message) {
    return fail(Error(Code::Negative, std::move(message)).file(source.root));
  };
  const Tensor *first = nullptr;
  for (const Tensor &tensor : source.tensors) {
    if (tensor.role != role::kStep || !tensor.scalar)
      continue;
    if (!first)
      first = &tensor;
    if (shown(tensor) == shown(*first))
      continue;
    if (wanted == plan::Cut::NotDrained)
      return {};
    return negative(fmt::format("the cut is not drained: '{}' has made {} updates and '{}' {}",
                                first->name, shown(*first), tensor.name, shown(tensor)));
  }
  if (!first)
    return negative("nothing tells whether the cut is drained: no tensor of the source has a step");
  if (wanted == plan::Cut::Drained)
    return {};
  return negative(
      fmt::format("the cut is drained: all tensors have made {} updates", shown(*first)));
}

} // namespace recast::format
