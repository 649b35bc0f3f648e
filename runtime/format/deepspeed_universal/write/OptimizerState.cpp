#include "runtime/format/deepspeed_universal/write/OptimizerState.h"

#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Entries = std::vector<std::pair<ObjectPtr, ObjectPtr>>;

/// The loaders refuse an empty version; sources without one predate it or are not DeepSpeed's.
constexpr char kFallbackVersion[] = "0.19.8";

/// Parts of a rank's optimizer state that lie in the atoms, or are made anew.
constexpr std::string_view kReplaced[] = {"base_optimizer_state",
                                          "base_optimizer_state_step",
                                          "single_partition_of_fp32_groups",
                                          "param_slice_mappings",
                                          "fp32_flat_groups",
                                          "ds_zero_partition_groups",
                                          "optimizer_state_dict",
                                          "param_groups",
                                          "ds_version"};

/// Element counts that belong to the source's partitioning.
constexpr std::string_view kPaddings[] = {"group_paddings", "param_alignment_paddings"};

template <size_t N> bool isOneOf(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// Integers of a nested list, all zero.
ObjectPtr zeroed(const Object &object) {
  if (object.kind != Object::Kind::List)
    return plan::integer(0);
  std::vector<ObjectPtr> items;
  for (const ObjectPtr &item : object.items)
    items.push_back(zeroed(*item));
  return plan::list(std::move(items));
}

bool isText(const Object *object) {
  return object && object->kind == Object::Kind::String && !object->text.empty();
}

ObjectPtr version(const WriteRequest &request, const Object *optimizer) {
  if (optimizer && isText(optimizer->find("ds_version")))
    return plan::string(optimizer->find("ds_version")->text);
  auto own = request.objects.find("ds_version");
  if (own != request.objects.end() && isText(own->second.get()))
    return own->second;
  return plan::string(kFallbackVersion);
}

/// Hyper-parameters of group `index` with the parameter list that torch's optimizers expect.
ObjectPtr paramGroup(const TargetGroup &group, size_t index) {
  Entries entries;
  if (group.hyper)
    for (const auto &[key, value] : group.hyper->entries)
      if (key->kind != Object::Kind::String || key->text != "params")
        entries.emplace_back(key, value);
  entries.push_back(
      plan::entry("params", plan::list({plan::integer(static_cast<int64_t>(index))})));
  return plan::dict(std::move(entries));
}

/// Whether what ZeRO-3's loader copies from the first group to all is the same in all. A group's
/// name is a label that nothing computes with.
bool hyperEqual(const TargetGroup &a, const TargetGroup &b) {
  auto without = [](const TargetGroup &group) {
    Entries entries;
    if (group.hyper)
      for (const auto &[key, value] : group.hyper->entries)
        if (key->kind != Object::Kind::String || (key->text != "params" && key->text != "name"))
          entries.emplace_back(key, value);
    return plan::dict(std::move(entries));
  };
  return plan::equal(*without(a), *without(b));
}

bool sameStep(const ObjectPtr &a, const ObjectPtr &b) {
  return !a || !b ? a == b : plan::equal(*a, *b);
}

/// The loader wants one step per group; null where the group's optimizer has none.
Result<std::vector<ObjectPtr>> groupSteps(const WriteRequest &request) {
  const TargetTensors &tensors = request.tensors;
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<uint32_t> steps(tensors.nameCount(), kNone);
  for (uint32_t i = 0; i < tensors.size(); ++i)
    if (tensors.row(i).isScalar) // Nothing else is, or the writer refuses it.
      steps[tensors.row(i).name] = i;
  std::vector<ObjectPtr> out;
  for (const TargetGroup &group : request.groups) {
    uint32_t first = group.names.empty() ? kNone : steps[group.names[0]];
    for (uint32_t name : group.names) {
      uint32_t step = steps[name];
      if ((step == kNone) != (first == kNone) ||
          (step != kNone && (tensors.row(step).dtype != tensors.row(first).dtype ||
                             tensors.row(step).scalarBits != tensors.row(first).scalarBits)))
        return fail(Error(Code::BadInput,
                          fmt::format("its step differs from that of '{}' in the same group, and "
                                      "DeepSpeed's universal loader takes one step per group",
                                      printable(tensors.name(group.names[0]))))
                        .tensor(printable(tensors.name(name)))
                        .hint("Write the native format instead, or drop role 'step'."));
    }
    ObjectPtr object;
    if (first != kNone) {
      RECAST_ASSIGN(object, stepObject(tensors[first]));
    }
    out.push_back(std::move(object));
  }
  return out;
}

} // namespace

Result<ObjectPtr> stepObject(const TargetTensor &step) {
  if (step.dtype == DType::I64)
    return plan::integer(static_cast<int64_t>(step.scalarBits));
  unsigned width = byteWidth(step.dtype);
  if (width == 0 || width > 8)
    return fail(Error(Code::BadInput, fmt::format("a step of dtype {}", name(step.dtype)))
                    .tensor(printable(step.name)));
  plan::TensorRef ref;
  ref.dtype = step.dtype;
  ref.storageElements = 1;
  for (unsigned i = 0; i < width; ++i)
    ref.literal += static_cast<char>(step.scalarBits >> (8 * i));
  return plan::tensor(std::move(ref));
}

Result<OptimizerState> makeOptimizerState(const WriteRequest &request) {
  RECAST_ASSIGN(std::vector<ObjectPtr> steps, groupSteps(request));
  const Object *optimizer = nullptr;
  if (auto found = request.objects.find("optimizer"); found != request.objects.end())
    optimizer = found->second.get();
  if (optimizer && !optimizer->isDict())
    return badInput("object 'optimizer' is not a dict");

  OptimizerState out;
  Entries entries;
  size_t groups = request.groups.size();
  bool hasPaddings = false;
  if (optimizer)
    for (const auto &[key, value] : optimizer->entries) {
      if (key->kind != Object::Kind::String || isOneOf(kReplaced, key->text))
        continue;
      if (isOneOf(kPaddings, key->text)) {
        hasPaddings = hasPaddings || key->text == "group_paddings";
        entries.emplace_back(key, zeroed(*value));
      } else if (key->text == "partition_count" && value->kind == Object::Kind::Int) {
        // ZeRO-3 has one count, the other stages one per group; no universal loader reads it.
        entries.emplace_back(key, plan::list(std::vector<ObjectPtr>(groups, value)));
      } else {
        entries.emplace_back(key, value);
      }
    }
  if (!hasPaddings)
    entries.push_back(plan::entry("group_paddings",
                                  plan::list(std::vector<ObjectPtr>(groups, plan::integer(0)))));
  // `clip_grad` is not made up where the source has none: the loader then keeps its own.
  entries.push_back(plan::entry("ds_version", version(request, optimizer)));

  std::vector<ObjectPtr> paramGroups;
  for (size_t i = 0; i < groups; ++i)
    paramGroups.push_back(paramGroup(request.groups[i], i));
  ObjectPtr groupList = plan::list(std::move(paramGroups));
  entries.push_back(plan::entry("param_groups", groupList));

  Entries first;
  ObjectPtr step = steps.empty() ? nullptr : steps.front();
  if (!step && groups && request.groups[0].hyper)
    for (const auto &[key, value] : request.groups[0].hyper->entries)
      if (key->kind == Object::Kind::String && key->text == "step")
        step = value;
  if (step)
    first.push_back(plan::entry("step", step));
  ObjectPtr state = plan::dict({{plan::integer(0), plan::dict(std::move(first))}});
  entries.push_back(
      plan::entry("optimizer_state_dict", plan::dict({plan::entry("state", std::move(state)),
                                                      plan::entry("param_groups", groupList)})));
  out.root = plan::dict(std::move(entries));

  if (!step)
    out.notes.push_back("the source has no optimizer step: ZeRO-3's universal loader needs one");
  for (size_t i = 1; i < groups; ++i)
    if (!hyperEqual(request.groups[0], request.groups[i])) {
      out.notes.push_back(
          "ZeRO-3's universal loader gives the hyper-parameters of group 0 to every "
          "group; ZeRO-1 and 2 restore each group's own");
      break;
    }
  for (size_t i = 1; i < steps.size(); ++i)
    if (!sameStep(steps[0], steps[i])) {
      out.notes.push_back("the groups are at different steps: ZeRO-3's universal loader gives the "
                          "step of group 0 to all; ZeRO-1 and 2 restore each group's own");
      break;
    }
  return out;
}

} // namespace recast::format
