#include "runtime/format/deepspeed/read/ReplicatedOptimizer.h"

#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format::deepspeed {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

constexpr std::string_view kParts[] = {"state", "param_groups", "optimizer_state_dict",
                                       "fp32_groups", "fp32_groups_flat"};

class Parser {
public:
  Parser(const ModelStates &model, ReplicatedOptimizer &out)
      : file_(model.torchFile), root_(file_.root()->find("optimizer")), out_(out) {}

  Status run(uint64_t &detachedBudget) {
    if (!root_ || !root_->isDict())
      return file_.bad("'optimizer' is not a dict");
    const Object *inner = root_->find("optimizer_state_dict");
    const Object *flat = root_->find("fp32_groups_flat");
    const Object *masters = flat ? flat : root_->find("fp32_groups");
    if (inner && !masters)
      return file_.bad(
          "the optimizer has 'optimizer_state_dict' but no 'fp32_groups'",
          "Recast knows torch's optimizers, FP16_Optimizer and FP16_UnfusedOptimizer.");
    out_.flat = flat != nullptr;
    const Object *base = inner ? inner : root_;
    RECAST_TRY(states(base->find("state")));
    const Object *groups = base->find("param_groups");
    if (!groups || groups->kind != Kind::List)
      return file_.bad("the optimizer has no 'param_groups'");
    if (masters && (!masters->isSequence() || masters->items.size() != groups->items.size()))
      return file_.bad("'param_groups' and the fp32 masters have different numbers of groups");
    for (size_t g = 0; g < groups->items.size(); ++g)
      RECAST_TRY(group(*groups->items[g], g, masters ? masters->items[g].get() : nullptr));
    if (used_ < states_.size())
      return file_.bad(fmt::format("the optimizer has {} states of parameters that no group names",
                                   states_.size() - used_));
    return keep(*groups, detachedBudget);
  }

private:
  Status states(const Object *dict) {
    if (!dict || !dict->isDict())
      return file_.bad("the optimizer has no 'state'");
    for (const auto &[key, value] : dict->entries)
      if (key->kind != Kind::Int || !value->isDict() ||
          !states_.emplace(key->integer, value.get()).second)
        return file_.bad("the optimizer's 'state' is not a dict of numbered states");
    return {};
  }

  Status group(const Object &group, size_t g, const Object *masters) {
    auto ids = group.isDict() ? intsOf(group.find("params")) : std::nullopt;
    if (!ids)
      return file_.bad(fmt::format("group {} has no list of parameters", g));
    if (boolOf(group.find("moe")).value_or(false))
      return file_.bad(fmt::format("group {} is a group of experts, which Recast does not read", g),
                       "Save from a run without expert parallelism (ep_size = 1, plain layers).");
    bool fits =
        !masters || (out_.flat ? ids->size() == 1
                               : masters->isSequence() && masters->items.size() == ids->size());
    if (!fits)
      return file_.bad(fmt::format("group {} has {} parameters and another number of fp32 masters",
                                   g, ids->size()));
    auto &entries = out_.groups.emplace_back();
    for (size_t i = 0; i < ids->size(); ++i) {
      OptimizerEntry entry;
      std::string what = fmt::format("parameter {} of group {}", i, g);
      if (masters) {
        const Object &master = out_.flat ? *masters : *masters->items[i];
        RECAST_ASSIGN(entry.master, tensor(master, "the fp32 master of " + what));
      }
      if (auto found = states_.find((*ids)[i]); found != states_.end()) {
        ++used_;
        RECAST_TRY(state(*found->second, what, entry));
      }
      entries.push_back(std::move(entry));
    }
    return {};
  }

  Result<std::shared_ptr<const plan::TensorRef>> tensor(const Object &object,
                                                        std::string_view what) const {
    if (object.kind != Kind::Tensor || !torch::isContiguous(*object.tensor))
      return file_.bad(fmt::format("{} is not a plain, contiguous tensor", what));
    return object.tensor;
  }

  Status state(const Object &states, std::string_view what, OptimizerEntry &out) {
    for (const auto &[key, value] : states.entries) {
      if (key->kind != Kind::String)
        return file_.bad(
            fmt::format("the optimizer state of {} has a key that is not a string", what));
      std::string shown = fmt::format("optimizer state '{}' of {}", printable(key->text), what);
      if (value->isNone())
        continue; // A state that this optimizer does not use.
      RECAST_TRY(checkStateName(file_, key->text, shown));
      if (value->kind == Kind::Tensor && !value->tensor->shape.empty()) {
        RECAST_ASSIGN(out.elements[key->text], tensor(*value, shown));
      } else {
        RECAST_ASSIGN(out.scalars[key->text], readScalar(file_, *value, shown));
      }
    }
    const auto &expected = out.master             ? out.master
                           : out.elements.empty() ? nullptr
                                                  : out.elements.begin()->second;
    for (const auto &[key, ref] : out.elements)
      if (ref->shape != expected->shape)
        return file_.bad(
            fmt::format("optimizer state '{}' of {} has the shape [{}], not [{}]: it is not "
                        "one value per element",
                        printable(key), what, fmt::join(ref->shape, ", "),
                        fmt::join(expected->shape, ", ")),
            "Recast carries states of the parameter's own shape: factored (Adafactor) and "
            "block-quantised (8-bit) states belong to their optimizer alone.");
    return {};
  }

  Status keep(const Object &groups, uint64_t &detachedBudget) {
    std::vector<std::pair<ObjectPtr, ObjectPtr>> rest;
    for (const auto &[key, value] : root_->entries)
      if (std::find(std::begin(kParts), std::end(kParts), key->text) == std::end(kParts))
        rest.emplace_back(key, value);
    RECAST_ASSIGN(out_.rest, file_.detached(plan::dict(std::move(rest)), detachedBudget));
    RECAST_ASSIGN(out_.paramGroups, file_.detached(plan::list(groups.items), detachedBudget));
    return {};
  }

  const torch::TorchFile &file_;
  const Object *root_;
  ReplicatedOptimizer &out_;
  std::map<int64_t, const Object *> states_;
  size_t used_ = 0;
};

} // namespace

Result<ReplicatedOptimizer> readReplicatedOptimizer(const ModelStates &model,
                                                    uint64_t &detachedBudget) {
  ReplicatedOptimizer out;
  RECAST_TRY(Parser(model, out).run(detachedBudget));
  return out;
}

} // namespace recast::format::deepspeed
