#include "runtime/format/deepspeed_universal/read/OptimizerStateFile.h"

#include "runtime/format/deepspeed/read/RankStates.h"

#include <algorithm>

namespace recast::format::universal {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

/// Flat tensors that upstream's converter leaves in the file are dead weight.
constexpr std::string_view kDropped[] = {"param_groups", "optimizer_state_dict",
                                         "fp32_flat_groups"};

/// `optimizer_state_dict.state` is {sub-group: {step, exp_avg, ...}}, of rank 0.
Result<std::vector<Scalar>> stepsOf(const torch::TorchFile &file) {
  std::vector<Scalar> out;
  const Object *state = lookup(file.root().get(), {"optimizer_state_dict", "state"});
  if (!state || !state->isDict())
    return out;
  for (const auto &[key, value] : state->entries) {
    const Object *step = value->isDict() ? value->find("step") : nullptr;
    if (!step || intOf(key.get()) != static_cast<int64_t>(out.size()))
      return std::vector<Scalar>{};
    RECAST_ASSIGN(Scalar scalar, deepspeed::readScalar(file, *step, "step"));
    out.push_back(scalar);
  }
  return out;
}

} // namespace

Result<OptimizerStateFile> readOptimizerState(const std::string &root, const std::string &path,
                                              torch::InventoryBuilder &builder,
                                              torch::PickleBudget &budget,
                                              uint64_t &detachedBudget) {
  RECAST_ASSIGN(torch::TorchFile file, torch::TorchFile::open(root + "/" + path, budget));
  builder.file(path, file.info());
  builder.foreign(file.foreignGlobals());
  if (!file.root()->isDict())
    return fail(Error(Code::BadInput, "not a dict").file(path));
  OptimizerStateFile out;
  out.stage = zeroStageOf(file.root()->find("zero_stage"));
  std::vector<std::pair<ObjectPtr, ObjectPtr>> rest;
  for (const auto &entry : file.root()->entries) {
    if (entry.first->text == "param_groups") {
      if (entry.second->kind != Kind::List)
        return fail(Error(Code::BadInput, "'param_groups' is no list").file(path));
      RECAST_ASSIGN(out.paramGroups, file.detached(entry.second, detachedBudget));
    } else if (std::find(std::begin(kDropped), std::end(kDropped), entry.first->text) ==
               std::end(kDropped)) {
      rest.push_back(entry);
    }
  }
  RECAST_ASSIGN(out.rest, file.detached(plan::dict(std::move(rest)), detachedBudget));
  RECAST_ASSIGN(out.steps, stepsOf(file));
  return out;
}

} // namespace recast::format::universal
