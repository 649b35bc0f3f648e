#include "compiler/Bind/Chains.h"

#include "compiler/Bind/SourceText.h"

#include <fmt/format.h>
#include <set>

namespace recast::compiler {

Status checkChain(const format::Tensor &tensor, const std::vector<layout::Layout> &layouts,
                  const std::vector<ChainStep> &chain, mlir::Location loc) {
  DType type = tensor.dtype;
  const layout::Layout *layout = tensor.scalar ? nullptr : &layouts[tensor.layout];
  std::set<std::string> varying;
  if (layout)
    for (const layout::Step &step : layout->steps)
      if (const auto *one = std::get_if<layout::Varying>(&step))
        varying.insert(one->by);
  auto bad = [&](std::string message, std::string hint) {
    return fail(specError(loc, message).tensor(tensor.name).hint(std::move(hint)));
  };
  auto wouldVary = [&](const std::string &axis) {
    return fmt::format("Where they do, the source says so: `as same {{ \"{}\" varying {} }}`.",
                       tensor.name, axis);
  };
  for (const ChainStep &step : chain) {
    if (const auto *cast = std::get_if<CastStep>(&step)) {
      if (type != cast->type && !recipe::castSupported(type, cast->type))
        return bad(fmt::format("{} '{}' is {}, which cannot be cast to {}", tensor.role,
                               tensor.name, name(type), name(cast->type)),
                   fmt::format("Keep it: `{} in \"{}\" : keep`.", tensor.role, tensor.name));
      type = cast->type;
    } else if (const auto *select = std::get_if<SelectStep>(&step)) {
      if (!varying.erase(select->axis))
        return bad(fmt::format("`select`: the values of {} '{}' do not differ along {}",
                               tensor.role, tensor.name, select->axis),
                   wouldVary(select->axis));
      int64_t size = layout->mesh.sizes[layout->mesh.axisIndex(select->axis)];
      if (select->coordinate >= size)
        return bad(fmt::format("`select`: there is no coordinate {} of {}, which has {}",
                               select->coordinate, select->axis, size),
                   fmt::format("They are counted from 0 to {}.", size - 1));
    } else {
      if (varying.empty())
        return bad(fmt::format("`average`: the values of {} '{}' do not differ between ranks",
                               tensor.role, tensor.name),
                   wouldVary("dp"));
      if (!info(type).isFloat || !recipe::castSupported(type, DType::F64))
        return bad(fmt::format("`average`: there is no mean of {}", name(type)),
                   fmt::format("Take one version: `{} in \"{}\" : select({} = 0)`.", tensor.role,
                               tensor.name, *varying.begin()));
      varying.clear();
    }
  }
  if (!varying.empty())
    return bad(
        fmt::format("the values of {} '{}' differ along {}, and nothing says which are meant",
                    tensor.role, tensor.name, *varying.begin()),
        fmt::format("Write `{} in \"{}\" : average`, or `select({} = 0)`.", tensor.role,
                    tensor.name, *varying.begin()));
  return {};
}

} // namespace recast::compiler
