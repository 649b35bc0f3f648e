#include "compiler/Bind/Arm.h"

#include "compiler/Bind/SourceText.h"

#include <fmt/format.h>
#include <unordered_map>

namespace recast::compiler {

Result<std::vector<int32_t>> armChecks(const Job &job, const format::Inventory &source,
                                       const Resolution &resolution, bool asked) {
  std::vector<int32_t> armed(source.tensors.size(), -1);
  const Name weightRole = format::role::kWeight, masterRole = format::role::kMaster;
  std::unordered_map<Name, uint32_t> weights;
  for (uint32_t i = 0; i < source.tensors.size(); ++i)
    if (source.tensors[i].role == weightRole)
      weights[source.tensors[i].name] = i;

  int64_t armedCount = 0;
  for (uint32_t i = 0; i < source.tensors.size(); ++i) {
    const format::Tensor &master = source.tensors[i];
    if (master.role != masterRole)
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
    bool bothRead = !resolution.cellsOf(i).empty() && (resolution.keptVerbatim[found->second] ||
                                                       !resolution.cellsOf(found->second).empty());
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
