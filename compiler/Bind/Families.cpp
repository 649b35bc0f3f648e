#include "compiler/Bind/Families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

namespace recast::compiler {
namespace {

DraftInput inputOf(const format::Tensor &tensor) {
  return {tensor.role, tensor.dtype, tensor.scalar ? plan::kNone : tensor.layout};
}

void addCells(FamilyDraft &draft, const Use &use, uint32_t input) {
  for (const Cell &cell : use.cells)
    draft.outputs.push_back({input, cell.target, cell.chain, cell.to.layout});
}

/// Everything two members must share, as text.
std::string keyOf(const FamilyDraft &draft) {
  std::string key = fmt::format("{}|{}", fmt::join(draft.shape, "x"), draft.checked);
  for (const DraftInput &input : draft.inputs)
    key += fmt::format("|{}:{}:{}", input.role, name(input.dtype), input.layout);
  for (const DraftOutput &output : draft.outputs) {
    key += fmt::format("|{}>{} {}", output.input, output.target, output.layout.str());
    for (const ChainStep &step : output.chain) {
      if (const auto *cast = std::get_if<CastStep>(&step))
        key += fmt::format(",{}:{}", name(cast->type), static_cast<int>(cast->overflow));
      else if (const auto *select = std::get_if<SelectStep>(&step))
        key += fmt::format(",{}={}", select->axis, select->coordinate);
      else
        key += ",average";
    }
  }
  return key;
}

void addSourceColumns(std::vector<int64_t> &row, const format::Tensor &tensor) {
  if (tensor.scalar) {
    row.insert(row.end(), {-1, static_cast<int64_t>(*tensor.scalar), 0, 0});
    return;
  }
  row.insert(row.end(), {tensor.store, tensor.start, tensor.groupTotal, tensor.part});
}

void addTargetColumns(std::vector<int64_t> &row, const Destination &to, const std::string &role,
                      Strings &strings) {
  row.insert(row.end(), {strings.id(to.name), strings.id(role), to.part});
}

} // namespace

std::vector<FamilyDraft> draftFamilies(const format::Inventory &source,
                                       const Resolution &resolution,
                                       const std::vector<int32_t> &armed, Strings &strings) {
  std::vector<FamilyDraft> drafts;
  std::map<std::string, size_t> draftOf;
  std::map<std::string, int> namesUsed;
  auto familyOf = [&](FamilyDraft &draft) -> FamilyDraft & {
    auto [entry, isNew] = draftOf.try_emplace(keyOf(draft), drafts.size());
    if (isNew) {
      const std::string &role = draft.inputs.front().role;
      draft.name = fmt::format("{}_{}", role, namesUsed[role]++);
      drafts.push_back(draft);
    }
    return drafts[entry->second];
  };
  // A weight that a check reads belongs to its master's family: each byte is read once.
  std::vector<char> partner(source.tensors.size(), 0);
  for (int32_t weight : armed)
    if (weight >= 0)
      partner[static_cast<size_t>(weight)] = 1;

  for (uint32_t i = 0; i < source.tensors.size(); ++i) {
    const format::Tensor &tensor = source.tensors[i];
    if (partner[i])
      continue;
    FamilyDraft draft;
    draft.shape = tensor.shape;
    draft.inputs.push_back(inputOf(tensor));
    addCells(draft, resolution.uses[i], 0);
    const format::Tensor *weight = nullptr;
    if (armed[i] >= 0) {
      weight = &source.tensors[static_cast<size_t>(armed[i])];
      draft.checked = true;
      draft.inputs.push_back(inputOf(*weight));
      addCells(draft, resolution.uses[static_cast<size_t>(armed[i])], 1);
    }
    if (draft.outputs.empty() && !draft.checked)
      continue;

    FamilyDraft &family = familyOf(draft);
    family.rows.push_back(strings.id(tensor.name));
    addSourceColumns(family.rows, tensor);
    if (weight)
      addSourceColumns(family.rows, *weight);
    size_t fromFirst = resolution.uses[i].cells.size();
    for (size_t o = 0; o < draft.outputs.size(); ++o) {
      const Use &use = resolution.uses[o < fromFirst ? i : static_cast<uint32_t>(armed[i])];
      const Cell &cell = use.cells[o < fromFirst ? o : o - fromFirst];
      addTargetColumns(family.rows, cell.to, cell.role, strings);
    }
    ++family.memberCount;
  }
  for (const Fill &fill : resolution.fills) {
    FamilyDraft draft;
    draft.shape = fill.shape;
    draft.inputs.push_back({"constant", fill.dtype, plan::kNone});
    draft.outputs.push_back({0, fill.target, {}, fill.to.layout});
    FamilyDraft &family = familyOf(draft);
    family.rows.push_back(strings.id(fill.to.name));
    family.rows.insert(family.rows.end(), {-1, static_cast<int64_t>(fill.bits), 0, 0});
    addTargetColumns(family.rows, fill.to, fill.role, strings);
    ++family.memberCount;
  }
  return drafts;
}

} // namespace recast::compiler
