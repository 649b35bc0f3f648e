#include "compiler/Bind/Families.h"

#include "llvm/ADT/Hashing.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <map>
#include <tuple>
#include <unordered_map>

namespace recast::compiler {
namespace {

/// Whether the members of two drafts make one family.
bool isSameFamily(const FamilyDraft &a, const FamilyDraft &b) {
  return std::tie(a.shape, a.checked, a.weight, a.inputs, a.outputs) ==
         std::tie(b.shape, b.checked, b.weight, b.inputs, b.outputs);
}

/// Of some of what isSameFamily compares.
size_t hashOf(const FamilyDraft &draft) {
  llvm::hash_code hash = llvm::hash_combine(llvm::hash_combine_range(draft.shape), draft.checked,
                                            draft.weight, draft.outputs.size());
  for (const DraftInput &input : draft.inputs)
    hash = llvm::hash_combine(hash, input.role, static_cast<int>(input.dtype), input.layout);
  return hash;
}

void addTargetColumns(std::vector<int64_t> &row, const Destination &to, const std::string &role,
                      Strings &strings) {
  row.insert(row.end(), {strings.id(to.name), strings.id(role), to.part});
}

constexpr uint32_t kNobody = 0xffffffffu;

/// Which tensor's family reads a tensor besides its own: a weight that a check reads belongs to its
/// master's, a state that a prediction reads to that of the weights. So each byte is read once.
std::vector<uint32_t> ownersOf(const Resolution &resolution, const std::vector<int32_t> &armed) {
  std::vector<uint32_t> owners(resolution.uses.size(), kNobody);
  for (uint32_t i = 0; i < armed.size(); ++i)
    if (armed[i] >= 0)
      owners[static_cast<size_t>(armed[i])] = i;
  auto predicts = [&](uint32_t tensor) {
    return std::ranges::any_of(resolution.uses[tensor].cells,
                               [](const Cell &cell) { return cell.prediction.has_value(); });
  };
  for (uint32_t i = 0; i < owners.size(); ++i)
    for (const Cell &cell : resolution.uses[i].cells)
      for (uint32_t state : cell.prediction ? cell.prediction->states : std::vector<uint32_t>())
        // One whose own family has others in it stays where it is.
        if (owners[state] == kNobody && !predicts(state) && armed[state] < 0)
          owners[state] = owners[i] == kNobody ? i : owners[i];
  return owners;
}

/// One member, its inputs and outputs in the order in which they are added.
class Member {
public:
  Member(const format::Inventory &source, const Resolution &resolution,
         const std::vector<uint32_t> &owners, uint32_t tensor)
      : source_(source), resolution_(resolution), owners_(owners), tensor_(tensor) {
    draft.shape = source.tensors[tensor].shape;
  }

  /// Index of the input that a tensor is; its outputs are added with it if it belongs here.
  uint32_t add(uint32_t index) {
    auto known = std::ranges::find(tensors_, index);
    if (known != tensors_.end())
      return static_cast<uint32_t>(known - tensors_.begin());
    const format::Tensor &tensor = source_.tensors[index];
    auto input = static_cast<uint32_t>(draft.inputs.size());
    draft.inputs.push_back(
        {tensor.role, tensor.dtype, tensor.scalar ? plan::kNone : tensor.layout});
    tensors_.push_back(index);
    if (tensor.scalar)
      columns_.insert(columns_.end(), {-1, static_cast<int64_t>(*tensor.scalar), 0, 0});
    else
      columns_.insert(columns_.end(), {tensor.store, tensor.start, tensor.groupTotal, tensor.part});
    if (index == tensor_ || owners_[index] == tensor_)
      for (const Cell &cell : resolution_.uses[index].cells) {
        std::optional<DraftPrediction> prediction;
        if (cell.prediction)
          prediction = add(index, *cell.prediction);
        draft.outputs.push_back({input, cell.target, prediction, cell.chain, cell.to.layout});
        cells_.push_back(&cell);
      }
    return input;
  }

  std::vector<int64_t> row(Strings &strings) const {
    std::vector<int64_t> out{strings.id(source_.tensors[tensor_].name)};
    out.insert(out.end(), columns_.begin(), columns_.end());
    for (const Cell *cell : cells_)
      addTargetColumns(out, cell->to, cell->role, strings);
    return out;
  }

  FamilyDraft draft;

private:
  DraftPrediction add(uint32_t weights, const Prediction &prediction) {
    for (const auto &[of, known, made] : predictions_)
      if (of == weights && *known == prediction)
        return made;
    DraftPrediction out{prediction.direction, {}, {}};
    for (uint32_t state : prediction.states)
      out.states.push_back(add(state));
    for (double scalar : prediction.scalars) {
      out.scalars.push_back(static_cast<uint32_t>(draft.inputs.size()));
      draft.inputs.push_back({"scalar", DType::F64, plan::kNone, true});
      tensors_.push_back(kNobody);
      columns_.insert(columns_.end(), {-1, std::bit_cast<int64_t>(scalar), 0, 0});
    }
    predictions_.emplace_back(weights, &prediction, out);
    return out;
  }

  const format::Inventory &source_;
  const Resolution &resolution_;
  const std::vector<uint32_t> &owners_;
  uint32_t tensor_;
  std::vector<uint32_t> tensors_; ///< Per input; kNobody for scalars.
  std::vector<int64_t> columns_;
  std::vector<const Cell *> cells_;
  std::vector<std::tuple<uint32_t, const Prediction *, DraftPrediction>> predictions_;
};

} // namespace

std::vector<FamilyDraft> draftFamilies(const format::Inventory &source,
                                       const Resolution &resolution,
                                       const std::vector<int32_t> &armed, Strings &strings) {
  std::vector<FamilyDraft> drafts;
  std::unordered_multimap<size_t, size_t> byHash;
  std::map<std::string, int> namesUsed;
  auto familyOf = [&](FamilyDraft &draft) -> FamilyDraft & {
    size_t hash = hashOf(draft);
    for (auto [at, end] = byHash.equal_range(hash); at != end; ++at)
      if (isSameFamily(drafts[at->second], draft))
        return drafts[at->second];
    byHash.emplace(hash, drafts.size());
    const std::string &role = draft.inputs.front().role;
    draft.name = fmt::format("{}_{}", role, namesUsed[role]++);
    return drafts.emplace_back(std::move(draft));
  };
  const std::vector<uint32_t> owners = ownersOf(resolution, armed);
  for (uint32_t i = 0; i < source.tensors.size(); ++i) {
    if (owners[i] != kNobody)
      continue;
    Member member(source, resolution, owners, i);
    member.add(i);
    if (armed[i] >= 0) {
      member.draft.checked = true;
      member.draft.weight = member.add(static_cast<uint32_t>(armed[i]));
    }
    if (member.draft.outputs.empty() && !member.draft.checked)
      continue;
    FamilyDraft &family = familyOf(member.draft);
    std::vector<int64_t> row = member.row(strings);
    family.rows.insert(family.rows.end(), row.begin(), row.end());
    ++family.memberCount;
  }
  for (const Fill &fill : resolution.fills) {
    FamilyDraft draft;
    draft.shape = fill.shape;
    draft.inputs.push_back({"constant", fill.dtype, plan::kNone});
    draft.outputs.push_back({0, fill.target, std::nullopt, {}, fill.to.layout});
    FamilyDraft &family = familyOf(draft);
    family.rows.push_back(strings.id(fill.to.name));
    family.rows.insert(family.rows.end(), {-1, static_cast<int64_t>(fill.bits), 0, 0});
    addTargetColumns(family.rows, fill.to, fill.role, strings);
    ++family.memberCount;
  }
  return drafts;
}

} // namespace recast::compiler
