#include "compiler/Bind/Arm.h"

#include "compiler/Bind/SourceText.h"

#include <fmt/format.h>
#include <unordered_map>

namespace recast::compiler {

Result<std::vector<int32_t>> armChecks(const Job &job, const format::Inventory &source,
                                       const Resolution &resolution, bool asked) {
  std::vector<int32_t> armed(source.tensors.size(), -1);
  std::unordered_map<std::string_view, uint32_t> weights;
  for (uint32_t i = 0; i < source.tensors.size(); ++i)
    if (source.tensors[i].role == format::role::kWeight)
      weights[source.tensors[i].name] = i;

  int64_t armedCount = 0;
  for (uint32_t i = 0; i < source.tensors.size(); ++i) {
    const format::Tensor &master = source.tensors[i];
    if (master.role != format::role::kMaster)
      continue;
    auto found = weights.find(master.name);
    if (found == weights.end()) {
      if (!source.orderUncertain)
        continue;
      Error error(
          Code::BadInput,
          fmt::format("the order of '{}' in its flat buffer cannot be told from the metadata, "
                      "and no model weight is stored to compare with",
                      master.name));
      return fail(std::move(error)
                      .tensor(master.name)
                      .file(source.root)
                      .hint("Save the run again with round_robin_gradients off."));
    }
    const format::Tensor &weight = source.tensors[found->second];
    const Use &masterUse = resolution.uses[i], &weightUse = resolution.uses[found->second];
    bool bothRead =
        !masterUse.cells.empty() && (weightUse.keptVerbatim || !weightUse.cells.empty());
    if (!source.orderUncertain && !bothRead && !asked)
      continue;
    if (master.shape != weight.shape ||
        (master.dtype != weight.dtype && !recipe::castSupported(master.dtype, weight.dtype)))
      return fail(Error(Code::BadInput,
                        fmt::format("master is {} and weight is {}: they cannot be compared",
                                    name(master.dtype), name(weight.dtype)))
                      .tensor(master.name)
                      .file(source.root));
    armed[i] = static_cast<int32_t>(found->second);
    ++armedCount;
  }
  if (asked && armedCount == 0)
    return fail(
        specError(job.loc, fmt::format("`check weight` was asked for, but '{}' does not store both "
                                       "master and weight of any tensor",
                                       job.source.name)));
  return armed;
}

} // namespace recast::compiler
