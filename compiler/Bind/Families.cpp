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
    draft.outputs.push_back({input, cell.target, cell.casts});
}

/// Everything two members must share, as text.
std::string keyOf(const FamilyDraft &draft) {
  std::string key = fmt::format("{}|{}", fmt::join(draft.shape, "x"), draft.checked);
  for (const DraftInput &input : draft.inputs)
    key += fmt::format("|{}:{}:{}", input.role, name(input.dtype), input.layout);
  for (const DraftOutput &output : draft.outputs) {
    key += fmt::format("|{}>{}", output.input, output.target);
    for (const CastStep &cast : output.casts)
      key += fmt::format(",{}:{}", name(cast.type), static_cast<int>(cast.overflow));
  }
  return key;
}

void addSourceColumns(std::vector<int64_t> &row, const format::Tensor &tensor) {
  if (tensor.scalar) {
    row.insert(row.end(), {-1, static_cast<int64_t>(*tensor.scalar), 0, 0});
    return;
  }
  row.insert(row.end(), {tensor.store, tensor.start, tensor.groupTotal, 0});
}

} // namespace

std::vector<FamilyDraft> draftFamilies(const format::Inventory &source,
                                       const Resolution &resolution,
                                       const std::vector<int32_t> &armed, Strings &strings) {
  std::vector<FamilyDraft> drafts;
  std::map<std::string, size_t> draftOf;
  std::map<std::string, int> namesUsed;
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

    auto [entry, isNew] = draftOf.try_emplace(keyOf(draft), drafts.size());
    if (isNew) {
      int number = namesUsed[tensor.role]++;
      draft.name = fmt::format("{}_{}", tensor.role, number);
      drafts.push_back(draft);
    }
    FamilyDraft &family = drafts[entry->second];
    family.rows.push_back(strings.id(tensor.name));
    addSourceColumns(family.rows, tensor);
    if (weight)
      addSourceColumns(family.rows, *weight);
    size_t fromFirst = resolution.uses[i].cells.size();
    for (size_t o = 0; o < draft.outputs.size(); ++o) {
      const Use &use = resolution.uses[o < fromFirst ? i : static_cast<uint32_t>(armed[i])];
      const Cell &cell = use.cells[o < fromFirst ? o : o - fromFirst];
      family.rows.push_back(strings.id(tensor.name));
      family.rows.push_back(strings.id(cell.role));
      family.rows.push_back(0);
    }
    ++family.memberCount;
  }
  return drafts;
}

} // namespace recast::compiler
