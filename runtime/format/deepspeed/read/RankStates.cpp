#include "runtime/format/deepspeed/read/RankStates.h"

#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format::deepspeed {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

class Parser {
public:
  Parser(const torch::TorchFile &file, torch::InventoryBuilder &builder, RankStates &out)
      : file_(file), builder_(builder), out_(out) {}

  Status run(uint64_t &detachedBudget) {
    const Object *states = lookup(file_.root().get(), {"optimizer_state_dict"});
    if (!states || !states->isDict())
      return file_.bad("no 'optimizer_state_dict': this is not an optimizer file of DeepSpeed");
    // BF16_Optimizer writes no stage; it partitions as stage 1 does.
    const Object *stage = states->find("zero_stage");
    if (stage && !zeroStageOf(stage))
      return file_.bad("'zero_stage' is not a stage");
    out_.stage = stage ? *zeroStageOf(stage) : 1;
    if (auto version = stringOf(lookup(file_.root().get(), {"ds_version"})))
      out_.version = *version;
    else if (auto inner = stringOf(states->find("ds_version")))
      out_.version = *inner;
    RECAST_TRY(partitionCount(states->find("partition_count")));
    if (out_.stage == 3)
      RECAST_TRY(stage3(*states));
    else if (out_.stage == 1 || out_.stage == 2)
      RECAST_TRY(stage12(*states));
    else
      return file_.bad(fmt::format("an optimizer file of ZeRO stage {}", out_.stage));
    return keepRest(*states, detachedBudget);
  }

private:
  /// Stages 1 and 2: one number per group; stage 3: one. Groups of experts differ.
  Status partitionCount(const Object *count) {
    if (!count || count->isNone())
      return {};
    if (auto one = intOf(count)) {
      out_.partitionCount = *one;
      return {};
    }
    auto all = intsOf(count);
    if (!all)
      return file_.bad("'partition_count' is not a number per group");
    if (all->empty())
      return {};
    if (!std::all_of(all->begin(), all->end(), [&](int64_t n) { return n == all->front(); }))
      return file_.bad(
          fmt::format("groups are partitioned over different numbers of ranks ({}): expert "
                      "parallelism, which Recast does not read",
                      fmt::join(*all, ", ")));
    out_.partitionCount = all->front();
    return {};
  }

  Result<FlatTensor> flat(const Object *object, std::string_view what) {
    if (!object || object->kind != Kind::Tensor)
      return file_.bad(fmt::format("{} is not a plain tensor", what));
    const plan::TensorRef &ref = *object->tensor;
    if (ref.shape.size() != 1 || !torch::isContiguous(ref))
      return file_.bad(fmt::format("{} is not a flat, contiguous tensor", what));
    return FlatTensor{ref.dtype, builder_.extent(out_.file, file_, ref)};
  }

  Status states(const Object *dict, int64_t key, FlatState &out) {
    const Object *found = nullptr;
    if (dict && dict->isDict())
      for (const auto &[entryKey, value] : dict->entries)
        if (entryKey->kind == Kind::Int && entryKey->integer == key)
          found = value.get();
    if (!found)
      return {}; // An optimizer without state, or one that never stepped.
    return groupStates(*found, key, out);
  }

  Status groupStates(const Object &found, int64_t key, FlatState &out) {
    if (!found.isDict())
      return file_.bad(fmt::format("the optimizer state {} is not a dict", key));
    for (const auto &[stateKey, value] : found.entries) {
      if (stateKey->kind != Kind::String)
        return file_.bad(fmt::format("the optimizer state {} has a key that is not a string", key));
      const std::string &name = stateKey->text;
      std::string shown = fmt::format("optimizer state '{}' of group {}", printable(name), key);
      if (value->isNone())
        continue; // A state that this optimizer does not use.
      RECAST_TRY(checkStateName(file_, name, shown));
      if (value->kind == Kind::Tensor && !value->tensor->shape.empty()) {
        RECAST_ASSIGN(out.elements[name], flat(value.get(), shown));
      } else {
        RECAST_ASSIGN(out.scalars[name], readScalar(file_, *value, shown));
      }
    }
    return {};
  }

  Status stage12(const Object &states) {
    const Object *base = states.find("base_optimizer_state");
    const Object *masters = states.find("single_partition_of_fp32_groups");
    // With `elastic_checkpoint` the states stand alone, one dict per group, and the groups'
    // hyper-parameters are not saved.
    out_.elastic = base && base->isSequence();
    const Object *groups = out_.elastic ? base : lookup(base, {"param_groups"});
    if (!groups || !groups->isSequence() || !masters || !masters->isSequence() ||
        groups->items.size() != masters->items.size())
      return file_.bad("no 'base_optimizer_state' and 'single_partition_of_fp32_groups' of as many "
                       "groups");
    const Object *mappings = states.find("param_slice_mappings");
    const Object *paddings = states.find("param_alignment_paddings");
    for (size_t i = 0; i < masters->items.size(); ++i) {
      FlatState flatState;
      RECAST_ASSIGN(flatState.master, flat(masters->items[i].get(),
                                           fmt::format("single_partition_of_fp32_groups[{}]", i)));
      if (out_.elastic) {
        RECAST_TRY(groupStates(*groups->items[i], static_cast<int64_t>(i), flatState));
        if (const Object *step = states.find("base_optimizer_state_step");
            step && !step->isNone()) {
          RECAST_ASSIGN(flatState.scalars["step"],
                        readScalar(file_, *step, "'base_optimizer_state_step'"));
        }
      } else {
        auto ids = intsOf(groups->items[i]->find("params"));
        if (!ids || ids->size() != 1)
          return file_.bad(fmt::format("group {} is not one flat buffer", i));
        if (const Object *moe = groups->items[i]->find("moe"); boolOf(moe).value_or(false))
          return file_.bad(
              fmt::format("group {} is a group of experts, which Recast does not read", i),
              "Save from a run without expert parallelism (ep_size = 1, plain layers).");
        RECAST_TRY(this->states(lookup(base, {"state"}), ids->front(), flatState));
      }
      RECAST_TRY(perElement(flatState, i));
      if (mappings && !mappings->isNone())
        RECAST_TRY(fragments(*mappings, i, flatState));
      if (paddings && !paddings->isNone()) {
        auto values = i < paddings->items.size() ? intsOf(paddings->items[i].get()) : std::nullopt;
        if (!values)
          return file_.bad(fmt::format("'param_alignment_paddings' of group {} is malformed", i));
        flatState.alignment = std::move(*values);
      }
      out_.flats.push_back(std::move(flatState));
    }
    if (!out_.elastic)
      return keepGroups(*groups);
    std::vector<ObjectPtr> bare;
    for (size_t i = 0; i < groups->items.size(); ++i)
      bare.push_back(plan::dict(
          {plan::entry("params", plan::list({plan::integer(static_cast<int64_t>(i))}))}));
    out_.paramGroups = plan::list(std::move(bare));
    return {};
  }

  /// All states of a flat buffer have one value for each of its elements, padding included; the
  /// master may be stored without padding. Others (factored second moments, quantised states with
  /// scales) cannot be cut into parameters.
  Status perElement(const FlatState &state, size_t group) const {
    const auto *first = state.elements.empty() ? nullptr : &*state.elements.begin();
    for (const auto &[name, tensor] : state.elements) {
      bool same = tensor.extent.elements == first->second.extent.elements;
      if (same && tensor.extent.elements >= state.master.extent.elements)
        continue;
      return file_.bad(
          fmt::format("optimizer state '{}' of group {} is not one value per element: it has {} "
                      "elements, {} {}",
                      printable(name), group, tensor.extent.elements,
                      same ? std::string("the master copy")
                           : fmt::format("'{}'", printable(first->first)),
                      same ? state.master.extent.elements : first->second.extent.elements),
          "Recast cuts flat states into parameters element by element: factored (Adafactor) and "
          "block-quantised (8-bit) states have no such form. Drop them by exporting weights from "
          "the model states, or resume with a per-element optimizer and save again.");
    }
    return {};
  }

  /// OrderedDict name -> fragment_address(start, numel), the class in one of two modules.
  Status fragments(const Object &mappings, size_t group, FlatState &out) {
    auto malformed = [&] {
      return file_.bad(fmt::format("'param_slice_mappings' of group {} is malformed", group));
    };
    if (!mappings.isSequence() || group >= mappings.items.size() ||
        !mappings.items[group]->isDict())
      return malformed();
    out.fragments.emplace();
    for (const auto &[name, address] : mappings.items[group]->entries) {
      if (name->kind != Kind::String || address->kind != Kind::Instance ||
          address->items.size() != 3)
        return malformed();
      auto start = intOf(address->items[2]->find("start"));
      auto elements = intOf(address->items[2]->find("numel"));
      if (!start || !elements || *start < 0 || *elements < 0)
        return malformed();
      out.fragments->push_back({name->text, *start, *elements});
    }
    return {};
  }

  Status stage3(const Object &states) {
    if (const Object *experts = states.find("ds_zero_partition_groups");
        experts && !experts->isNone() && !experts->items.empty())
      return file_.bad("groups of experts (AutoEP), which Recast does not read");
    const Object *inner = states.find("optimizer_state_dict");
    const Object *groups = lookup(inner, {"param_groups"});
    const Object *masters = states.find("fp32_flat_groups");
    if (!groups || groups->kind != Kind::List || !masters || !masters->isSequence())
      return file_.bad("no 'optimizer_state_dict' and 'fp32_flat_groups'");
    for (size_t i = 0; i < masters->items.size(); ++i) {
      FlatState flatState;
      RECAST_ASSIGN(flatState.master,
                    flat(masters->items[i].get(), fmt::format("fp32_flat_groups[{}]", i)));
      RECAST_TRY(this->states(lookup(inner, {"state"}), static_cast<int64_t>(i), flatState));
      RECAST_TRY(perElement(flatState, i));
      out_.flats.push_back(std::move(flatState));
    }
    return keepGroups(*groups);
  }

  Status keepGroups(const Object &groups) {
    for (const ObjectPtr &group : groups.items)
      if (!group->isDict() || !intsOf(group->find("params")))
        return file_.bad("'param_groups' is not a list of groups");
    out_.paramGroups = plan::list(groups.items);
    return {};
  }

  Status keepRest(const Object &states, uint64_t &detachedBudget) {
    constexpr std::string_view kFlat[] = {
        "base_optimizer_state", "base_optimizer_state_step", "single_partition_of_fp32_groups",
        "param_slice_mappings", "optimizer_state_dict",      "fp32_flat_groups"};
    std::vector<std::pair<ObjectPtr, ObjectPtr>> entries;
    for (const auto &[key, value] : states.entries)
      if (std::find(std::begin(kFlat), std::end(kFlat), key->text) == std::end(kFlat))
        entries.emplace_back(key, value);
    RECAST_ASSIGN(out_.rest, file_.detached(plan::dict(std::move(entries)), detachedBudget));
    RECAST_ASSIGN(out_.paramGroups, file_.detached(out_.paramGroups, detachedBudget));
    return {};
  }

  const torch::TorchFile &file_;
  torch::InventoryBuilder &builder_;
  RankStates &out_;
};

} // namespace

Result<Scalar> readScalar(const torch::TorchFile &file, const Object &value,
                          std::string_view what) {
  if (value.kind == Kind::Int)
    return Scalar{DType::I64, static_cast<uint64_t>(value.integer)};
  if (value.kind == Kind::Float)
    return Scalar{DType::F64, std::bit_cast<uint64_t>(value.real)};
  if (value.kind == Kind::Bool)
    return Scalar{DType::Bool, static_cast<uint64_t>(value.integer)};
  if (value.kind == Kind::Tensor && value.tensor->shape.empty() &&
      byteWidth(value.tensor->dtype) <= 8) {
    RECAST_ASSIGN(std::string bytes, file.elements(*value.tensor, 8));
    return Scalar{value.tensor->dtype, bitsOf(bytes)};
  }
  return fail(Error(Code::BadInput, fmt::format("{} is neither a tensor nor a number", what))
                  .file(file.path())
                  .hint("Recast carries per-element and scalar states of any name, nothing "
                        "nested."));
}

Status checkStateName(const torch::TorchFile &file, std::string_view name, std::string_view what) {
  if (name == role::kMaster || name == role::kWeight || name == role::kFrozen ||
      name == role::kBuffer)
    return fail(
        Error(Code::BadInput, fmt::format("{}: the name is that of a role of its own", what))
            .file(file.path()));
  return {};
}

Result<RankStates> readRankStates(const std::string &root, const std::string &relativePath,
                                  torch::InventoryBuilder &builder, torch::PickleBudget &budget,
                                  uint64_t &detachedBudget) {
  RECAST_ASSIGN(torch::TorchFile file, torch::TorchFile::open(root + "/" + relativePath, budget));
  RankStates out;
  out.name = relativePath.substr(relativePath.rfind('/') + 1);
  out.file = builder.file(relativePath, file.info());
  builder.foreign(file.foreignGlobals());
  RECAST_TRY(Parser(file, builder, out).run(detachedBudget));
  return out;
}

} // namespace recast::format::deepspeed
