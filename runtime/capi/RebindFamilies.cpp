#include "runtime/capi/Rebinder.h"

#include "runtime/format/PlanSource.h"
#include "runtime/plan/Expand.h"

#include <algorithm>
#include <tuple>

namespace recast::capi {

void Rebinder::findOutputs(const plan::Family &family) {
  outputsOf_.assign(family.inputs.size(), {});
  for (size_t o = 0; o < family.outputs.size(); ++o) {
    std::vector<uint16_t> inputs;
    (void)recipe::sliceForOutput(family.recipe, o, inputs);
    for (size_t i = 0; i < outputsOf_.size(); ++i)
      if (std::find(inputs.begin(), inputs.end(), i) != inputs.end())
        outputsOf_[i].push_back(o);
  }
}

/// Roles of a member's outputs that are computed from one of its inputs.
std::set<std::string> Rebinder::rolesFrom(const plan::Family &family, uint32_t member,
                                          size_t input) const {
  std::set<std::string> roles;
  for (size_t o : outputsOf_[input])
    roles.insert(old_.strings[family.memberOutputs[member * family.outputs.size() + o].role]);
  return roles;
}

/// Whether a member writes a tensor of this role that is computed from one of its inputs.
bool Rebinder::isWritten(std::string_view role, const plan::Family &family, uint32_t member,
                         size_t input) const {
  return std::ranges::any_of(outputsOf_[input], [&](size_t o) {
    return old_.strings[family.memberOutputs[member * family.outputs.size() + o].role] == role;
  });
}

/// A value that was read with the metadata, or a constant: padding, `init`.
Status Rebinder::rebindScalar(plan::Family &family, uint32_t member, size_t input) {
  if (!family.shape.empty())
    return {}; // Whole tensors of one value are made of constants.
  const std::string &name = old_.strings[family.memberNames[member]];
  if (sameTensors_ && holdsScalars_ && renames_)
    return fail(Error(Code::Usage, "it is a value without dimensions, which the source may hold "
                                   "under another name than the plan does")
                    .tensor(name)
                    .hint(kAgain));
  const format::Tensor *found = nullptr;
  bool otherRole = false; // Only those: the value is an `init`.
  for (const format::Tensor *tensor : named_.of(family.memberNames[member])) {
    if (!tensor->scalar || tensor->dtype != family.inputs[input].dtype)
      continue;
    if (sameTensors_ && !isWritten(tensor->role, family, member, input)) {
      otherRole = true;
      continue;
    }
    if (found)
      return fail(Error(Code::Usage, "it has several values without dimensions, which a plan does "
                                     "not tell apart")
                      .tensor(name)
                      .hint(kAgain));
    found = tensor;
  }
  if (found && isDropped(found->role, family))
    return fail(
        Error(Code::Usage, fmt::format("the job drops some of {}, and the plan does not say "
                                       "whether this one is read or an `init`",
                                       found->role))
            .tensor(name)
            .hint(kAgain));
  if (!found && sameTensors_ && (otherRole || !holdsScalars_))
    return {};
  if (!found)
    return tensorDiffers(name, "a value without dimensions is missing");
  markUsed(*found);
  family.memberInputs[member * family.inputs.size() + input].start =
      static_cast<int64_t>(*found->scalar);
  return {};
}

Status Rebinder::rebindInput(plan::Family &family, uint32_t member, size_t input) {
  const plan::MemberInput &row = family.memberInputs[member * family.inputs.size() + input];
  const std::string &name = old_.strings[family.memberNames[member]];
  if (row.store == plan::kNone)
    return rebindScalar(family, member, input);
  if (sameTensors_)
    return {};
  if (row.part != 0)
    return fail(Error(Code::Usage, "the source packs several tensors into one, and the plan does "
                                   "not say how they were called there: it is of an older Recast")
                    .hint(kAgain));
  auto tensors = named_.of(family.memberNames[member]);
  if (tensors.empty())
    return tensorDiffers(name, "the tensor is missing");
  const format::Tensor *found = nullptr;
  for (const format::Tensor *tensor : tensors)
    if (!tensor->scalar && std::tuple(tensor->store, tensor->start, tensor->groupTotal) ==
                               std::tuple(row.store, row.start, row.groupTotal))
      found = tensor;
  if (!found)
    return tensorDiffers(name, "it begins elsewhere in its buffers");
  if (found->shape != family.shape)
    return tensorDiffers(name,
                         fmt::format("its shape is ({}), it was ({})",
                                     fmt::join(found->shape, ", "), fmt::join(family.shape, ", ")));
  if (found->dtype != family.inputs[input].dtype ||
      plan_.layouts[found->layout] != plan_.layouts[family.inputs[input].layout])
    return tensorDiffers(name,
                         fmt::format("{} is {} over ranks as `{}`, it was {} as `{}`", found->role,
                                     recast::name(found->dtype), plan_.layouts[found->layout].str(),
                                     recast::name(family.inputs[input].dtype),
                                     plan_.layouts[family.inputs[input].layout].str()));
  // A plan does not say which role it reads, only which it writes: they must agree, but for weights
  // made of masters. So buffers that changed places are never taken for each other.
  std::set<std::string> roles = rolesFrom(family, member, input);
  if (!roles.empty() && !roles.count(found->role) &&
      !(found->role == format::role::kMaster && roles.count(format::role::kWeight)))
    return fail(Error(Code::Usage, fmt::format("{} is read where {} is written: whether that is "
                                               "meant is not in the plan",
                                               found->role, *roles.begin()))
                    .tensor(name)
                    .hint(kAgain));
  markUsed(*found);
  return {};
}

Status Rebinder::rebindFamilies() {
  holdsScalars_ = std::any_of(source_.tensors.begin(), source_.tensors.end(),
                              [](const format::Tensor &tensor) { return bool(tensor.scalar); });
  renames_ = holdsScalars_ && findRenames();
  for (plan::Family &family : plan_.families) {
    findOutputs(family);
    if (family.inputs.empty() || family.memberInputs.empty())
      return usage("the plan makes tensors of no source; compile the job again");
    for (uint32_t m = 0; m < family.memberCount(); ++m)
      for (size_t i = 0; i < family.inputs.size(); ++i)
        RECAST_TRY(rebindInput(family, m, i));
  }
  return {};
}
/// Whether the job left tensors of a role out of the targets that a family writes: then values
/// there may be an `init`.
bool Rebinder::isDropped(const std::string &role, const plan::Family &family) const {
  return std::any_of(old_.leftOut.begin(), old_.leftOut.end(), [&](const plan::LeftOut &item) {
    return item.role && item.role->kind == plan::RoleChange::Kind::Dropped &&
           item.role->role == role &&
           std::any_of(family.outputs.begin(), family.outputs.end(), [&](const plan::Output &o) {
             return item.role->target == old_.targets[o.target].name;
           });
  });
}

bool Rebinder::findRenames() const {
  for (const plan::Family &family : old_.families)
    for (size_t row = 0; row < family.memberInputs.size(); ++row) {
      const plan::MemberInput &input = family.memberInputs[row];
      if (input.store == plan::kNone)
        continue;
      auto named = named_.of(family.memberNames[row / family.inputs.size()]);
      if (std::ranges::none_of(named, [&](const format::Tensor *t) {
            return !t->scalar && t->store == input.store && t->start == input.start;
          }))
        return true;
    }
  return false;
}

} // namespace recast::capi
