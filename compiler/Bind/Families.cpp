#include "compiler/Bind/Families.h"

#include "runtime/layout/Pieces.h"

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

/// The outputs of one share: a family computes what all of its outputs hold, so ranks that hold
/// different elements are in different ones. All targets that hold tensors whole are one share.
struct Share {
  using Cells = std::vector<const Cell *>;
  /// By tensor of the source, ascending: as many as there are tensors, so no tree.
  std::vector<std::pair<uint32_t, Cells>> cells;
  std::unordered_map<uint32_t, uint32_t> owners; ///< See ownersOf; absent: a tensor's own.

  const Cells &of(uint32_t tensor) const {
    static const Cells kNone;
    auto found = std::ranges::lower_bound(cells, tensor, {}, &std::pair<uint32_t, Cells>::first);
    return found == cells.end() || found->first != tensor ? kNone : found->second;
  }
  uint32_t ownerOf(uint32_t tensor) const {
    auto found = owners.find(tensor);
    return found == owners.end() ? kNobody : found->second;
  }
};

/// Which tensor's family reads a tensor besides its own: a weight that a check reads belongs to its
/// master's, a state that a prediction reads to that of the weights. So each byte is read once.
std::unordered_map<uint32_t, uint32_t> ownersOf(const Share &share,
                                                const std::vector<int32_t> &armed,
                                                const std::vector<uint32_t> &checked) {
  std::unordered_map<uint32_t, uint32_t> owners;
  auto owned = [&](uint32_t tensor) { return owners.contains(tensor); };
  for (uint32_t master : checked)
    owners[static_cast<uint32_t>(armed[master])] = master;
  auto predicts = [&](uint32_t tensor) {
    return std::ranges::any_of(share.of(tensor),
                               [](const Cell *cell) { return cell->prediction.has_value(); });
  };
  for (const auto &[i, cells] : share.cells)
    for (const Cell *cell : cells)
      for (uint32_t state : cell->prediction ? cell->prediction->states : std::vector<uint32_t>())
        // One whose own family has others in it stays where it is.
        if (!owned(state) && !predicts(state) && armed[state] < 0)
          owners[state] = owned(i) ? owners[i] : i;
  return owners;
}

/// One member, its inputs and outputs in the order in which they are added.
class Member {
public:
  Member(const format::Inventory &source, const Share &share, uint32_t tensor)
      : source_(source), share_(share), tensor_(tensor) {
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
    if (index == tensor_ || share_.ownerOf(index) == tensor_)
      for (const Cell *cell : share_.of(index)) {
        std::optional<DraftPrediction> prediction;
        if (cell->prediction)
          prediction = add(index, *cell->prediction);
        draft.outputs.push_back({input, cell->target, prediction, cell->chain, cell->to.layout});
        cells_.push_back(cell);
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
  const Share &share_;
  uint32_t tensor_;
  std::vector<uint32_t> tensors_; ///< Per input; kNobody for scalars.
  std::vector<int64_t> columns_;
  std::vector<const Cell *> cells_;
  std::vector<std::tuple<uint32_t, const Prediction *, DraftPrediction>> predictions_;
};

/// Shares in the order in which their first tensors come, that of whole tensors first.
std::vector<Share> sharesOf(const Job &job, const Resolution &resolution) {
  std::vector<Share> shares(1);
  std::map<std::string, size_t> known{{"", 0}};
  auto shareOf = [&](uint32_t target, const Destination &to) -> Share & {
    std::string name;
    if (to.layout.mesh.rankCount() > 1)
      name = layout::shareName(to.layout, job.targets[target].rank);
    auto [entry, isNew] = known.try_emplace(std::move(name), shares.size());
    if (isNew)
      shares.emplace_back();
    return shares[entry->second];
  };
  for (uint32_t i = 0; i < resolution.uses.size(); ++i)
    for (const Cell &cell : resolution.uses[i].cells) {
      auto &cells = shareOf(cell.target, cell.to).cells;
      if (cells.empty() || cells.back().first != i)
        cells.emplace_back(i, Share::Cells());
      cells.back().second.push_back(&cell);
    }
  return shares;
}

class Drafter {
public:
  Drafter(const format::Inventory &source, const std::vector<int32_t> &armed, Strings &strings)
      : source_(source), armed_(armed), strings_(strings) {}

  /// `checked`: the masters that are held against their weights here.
  void add(Share &share, const std::vector<uint32_t> &checked) {
    share.owners = ownersOf(share, armed_, checked);
    std::vector<uint32_t> tensors = checked;
    for (const auto &[tensor, cells] : share.cells)
      if (!share.owners.contains(tensor))
        tensors.push_back(tensor);
    std::ranges::sort(tensors);
    tensors.erase(std::unique(tensors.begin(), tensors.end()), tensors.end());
    for (uint32_t i : tensors) {
      Member member(source_, share, i);
      member.add(i);
      if (armed_[i] >= 0) {
        member.draft.checked = true;
        member.draft.weight = member.add(static_cast<uint32_t>(armed_[i]));
      }
      FamilyDraft &family = familyOf(member.draft);
      std::vector<int64_t> row = member.row(strings_);
      family.rows.insert(family.rows.end(), row.begin(), row.end());
      ++family.memberCount;
    }
  }

  void add(const Fill &fill) {
    FamilyDraft draft;
    draft.shape = fill.shape;
    draft.inputs.push_back({"constant", fill.dtype, plan::kNone});
    draft.outputs.push_back({0, fill.target, std::nullopt, {}, fill.to.layout});
    FamilyDraft &family = familyOf(draft);
    family.rows.push_back(strings_.id(fill.to.name));
    family.rows.insert(family.rows.end(), {-1, static_cast<int64_t>(fill.bits), 0, 0});
    addTargetColumns(family.rows, fill.to, fill.role, strings_);
    ++family.memberCount;
  }

  std::vector<FamilyDraft> take() { return std::move(drafts_); }

private:
  FamilyDraft &familyOf(FamilyDraft &draft) {
    size_t hash = hashOf(draft);
    for (auto [at, end] = byHash_.equal_range(hash); at != end; ++at)
      if (isSameFamily(drafts_[at->second], draft))
        return drafts_[at->second];
    byHash_.emplace(hash, drafts_.size());
    const std::string &role = draft.inputs.front().role;
    draft.name = fmt::format("{}_{}", role, namesUsed_[role]++);
    return drafts_.emplace_back(std::move(draft));
  }

  const format::Inventory &source_;
  const std::vector<int32_t> &armed_;
  Strings &strings_;
  std::vector<FamilyDraft> drafts_;
  std::unordered_multimap<size_t, size_t> byHash_;
  std::map<std::string, int> namesUsed_;
};

} // namespace

std::vector<FamilyDraft> draftFamilies(const Job &job, const format::Inventory &source,
                                       const Resolution &resolution,
                                       const std::vector<int32_t> &armed, Strings &strings) {
  std::vector<Share> shares = sharesOf(job, resolution);
  Drafter drafter(source, armed, strings);
  for (size_t s = 0; s < shares.size(); ++s) {
    // Each share holds what it reads against the other; what none writes, the first one does.
    std::vector<uint32_t> checked;
    for (uint32_t i = 0; i < armed.size(); ++i)
      if (armed[i] >= 0) {
        auto writes = [&](const Share &share) {
          return !share.of(i).empty() || !share.of(static_cast<uint32_t>(armed[i])).empty();
        };
        if (writes(shares[s]) || (s == 0 && std::ranges::none_of(shares, writes)))
          checked.push_back(i);
      }
    drafter.add(shares[s], checked);
  }
  for (const Fill &fill : resolution.fills)
    drafter.add(fill);
  return drafter.take();
}

} // namespace recast::compiler
