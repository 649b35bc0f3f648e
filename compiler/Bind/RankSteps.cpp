#include "compiler/Bind/RankSteps.h"

#include "compiler/Bind/Glob.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/base/NearestName.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {

bool isRankStep(const layout::Step &step) {
  return std::holds_alternative<layout::Stage>(step) ||
         std::holds_alternative<layout::Varying>(step);
}

Status applyRankSteps(const std::vector<layout::Step> &steps, bool ifThere, mlir::Location loc,
                      format::Inventory &source, format::Tensor &tensor) {
  std::vector<layout::Step> meant;
  for (const layout::Step &step : steps) {
    std::string axis = layout::meshAxesOf(step).front();
    if (source.mesh.axisIndex(axis) >= 0)
      meant.push_back(step);
    else if (!ifThere)
      return fail(specError(loc,
                            fmt::format("`{}`: the ranks of the source are {}, without `{}`",
                                        layout::str(step), source.mesh.str(), axis),
                            nearestName(axis, source.mesh.axes)));
  }
  if (meant.empty())
    return {};
  bool isOne =
      source.mesh.rankCount() == 1 && !tensor.scalar && source.layouts[tensor.layout].isWhole();
  if (!isOne && !tensor.copies) {
    Error error = specError(loc, fmt::format("`{}`: the source does not hold a copy of this tensor "
                                             "for each of its ranks {}",
                                             layout::str(meant.front()), source.mesh.str()));
    return fail(std::move(error)
                    .tensor(tensor.name)
                    .file(source.root)
                    .hint("Under ZeRO-3 the files of all ranks hold the buffers of the model."));
  }
  layout::Layout layout{source.mesh, {}, std::move(meant)};
  if (Status sound = layout::verify(layout, {tensor.shape}); !sound)
    return fail(specError(loc, sound.error().message()).tensor(tensor.name));
  auto known = std::find(source.layouts.begin(), source.layouts.end(), layout);
  tensor.layout = static_cast<uint32_t>(known - source.layouts.begin());
  if (known == source.layouts.end())
    source.layouts.push_back(std::move(layout));
  if (isOne) // Where it lies already.
    return {};
  tensor.store = *tensor.copies;
  tensor.start = tensor.groupTotal = 0;
  return {};
}

Status applyRankRules(const EndpointDecl &endpoint, format::Inventory &source) {
  std::vector<char> named(source.tensors.size(), 0);
  for (const RankRule &rule : endpoint.ranks) {
    bool any = false;
    for (size_t i = 0; i < source.tensors.size(); ++i) {
      format::Tensor &tensor = source.tensors[i];
      if (!globMatches(rule.glob, tensor.name))
        continue;
      if (named[i])
        return fail(
            specError(endpoint.loc, "two rules of `as same` name this tensor").tensor(tensor.name));
      named[i] = any = true;
      RECAST_TRY(applyRankSteps(rule.steps, /*ifThere=*/false, endpoint.loc, source, tensor));
    }
    if (any)
      continue;
    std::vector<std::string> names;
    for (const format::Tensor &tensor : source.tensors)
      names.push_back(tensor.name);
    return fail(specError(
        endpoint.loc, fmt::format("no tensor of '{}' is called \"{}\"", endpoint.name, rule.glob),
        nearestName(rule.glob, names)));
  }
  return {};
}

} // namespace recast::compiler
