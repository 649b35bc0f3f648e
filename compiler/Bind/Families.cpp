#include "compiler/Bind/Families.h"

#include "compiler/Bind/Member.h"

#include "llvm/ADT/Hashing.h"

#include <algorithm>
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
    hash =
        llvm::hash_combine(hash, input.role.number(), static_cast<int>(input.dtype), input.layout);
  return hash;
}

class Drafter {
public:
  Drafter(const format::Inventory &source, const Resolution &resolution,
          const std::vector<int32_t> &armed, Strings &strings)
      : strings_(strings), member_(source, resolution, armed) {}

  /// `checked`: the masters that are held against their weights here, ascending.
  void add(const Share &share, const std::vector<uint32_t> &checked) {
    member_.enter(share, checked);
    std::vector<uint32_t> tensors = member_.heads(checked);
    for (uint32_t i : tensors) {
      member_.make(i);
      FamilyDraft &family = familyOfMember();
      member_.addRow(family.rows, strings_);
      ++family.memberCount;
    }
    member_.leave();
  }

  void add(const Fill &fill) {
    FamilyDraft draft;
    draft.shape = fill.shape;
    draft.inputs.push_back({"constant", fill.dtype, plan::kNone});
    draft.outputs.push_back({0, fill.target, std::nullopt, {}, *fill.to.layout});
    FamilyDraft &family = drafts_[familyOf(std::move(draft))];
    family.rows.push_back(strings_.id(fill.to.name));
    family.rows.insert(family.rows.end(), {-1, static_cast<int64_t>(fill.bits), 0, 0});
    addTargetColumns(family.rows, fill.to, fill.role, strings_);
    ++family.memberCount;
  }

  std::vector<FamilyDraft> take() { return std::move(drafts_); }

private:
  /// By the member's key where one like it was met; else by what it is made of, as keys that differ
  /// may mean the same.
  FamilyDraft &familyOfMember() {
    auto [entry, isNew] = byKey_.try_emplace(member_.key(), 0);
    if (isNew)
      entry->second = familyOf(member_.draft());
    return drafts_[entry->second];
  }

  size_t familyOf(FamilyDraft draft) {
    size_t hash = hashOf(draft);
    for (auto [at, end] = byHash_.equal_range(hash); at != end; ++at)
      if (isSameFamily(drafts_[at->second], draft))
        return at->second;
    byHash_.emplace(hash, drafts_.size());
    const Name role = draft.inputs.front().role;
    draft.name = fmt::format("{}_{}", role, namesUsed_[role]++);
    drafts_.push_back(std::move(draft));
    return drafts_.size() - 1;
  }

  struct KeyHash {
    size_t operator()(const Member::Key &key) const {
      uint64_t hash = key.size();
      for (uint64_t word : key)
        hash = (hash ^ word ^ hash >> 29) * 0x9E3779B97F4A7C15;
      return hash ^ hash >> 32;
    }
  };

  Strings &strings_;
  Member member_;
  std::vector<FamilyDraft> drafts_;
  std::unordered_map<Member::Key, size_t, KeyHash> byKey_;
  std::unordered_multimap<size_t, size_t> byHash_;
  std::unordered_map<Name, int> namesUsed_;
};

} // namespace

std::vector<FamilyDraft> draftFamilies(const Job &job, const format::Inventory &source,
                                       const Resolution &resolution,
                                       const std::vector<int32_t> &armed, Strings &strings) {
  std::vector<Share> shares = sharesOf(job, resolution);
  std::vector<std::vector<uint32_t>> checked = checkedIn(shares, armed);
  Drafter drafter(source, resolution, armed, strings);
  for (size_t s = 0; s < shares.size(); ++s)
    drafter.add(shares[s], checked[s]);
  for (const Fill &fill : resolution.fills)
    drafter.add(fill);
  return drafter.take();
}

} // namespace recast::compiler
