// What one model-states file of a DeepSpeed checkpoint holds besides the tensors of the module.
#pragma once

#include "runtime/format/deepspeed/read/RankStates.h"

namespace recast::format::deepspeed {

struct NamedShape {
  Name name;
  std::vector<int64_t> shape;
  bool operator==(const NamedShape &) const = default;
};

/// A tensor of the file by the name of its parameter or buffer.
struct NamedTensor {
  Name name;
  std::shared_ptr<const plan::TensorRef> ref; ///< Null: not a plain tensor.
  bool none = false;                          ///< Python's None: nothing was saved.
};

struct ModelStates {
  explicit ModelStates(torch::TorchFile from) : torchFile(std::move(from)) {}

  uint32_t file = 0;
  std::string name;
  torch::TorchFile torchFile;
  /// Per group (stages 1 and 2) or sub-group (stage 3), in the order of the flat buffer.
  std::vector<std::vector<NamedShape>> paramShapes;
  bool hasParamShapes = false;
  std::vector<NamedTensor> module;
  bool moduleIsFlat = false; ///< False: None (pipeline) or nested dicts (Megatron).
  std::set<std::string> bufferNames;
  std::vector<NamedShape> frozenShapes;
  std::vector<NamedTensor> frozenFragments;
  std::vector<std::pair<std::string, std::string>> shared; ///< (alias, name that holds the data).
  bool hasOptimizer = false; ///< ZeRO-0: the whole optimizer state is in this file.
  bool roundRobin = false;   ///< ds_config.zero_optimization.round_robin_gradients.
  std::optional<int64_t> iteration, skippedSteps, samples, dpWorld, mpWorld;
  std::string version;
};

Result<ModelStates> readModelStates(const std::string &root, const std::string &relativePath,
                                    torch::InventoryBuilder &builder, torch::PickleBudget &budget);

/// The keys that are the user's: whatever DeepSpeed itself does not write.
plan::ObjectPtr clientState(const ModelStates &states);

/// The objects of a run that its model-states files hold, by name: `lr_scheduler`, and
/// `client_state` if there is any. Their tensors lie in the file (TorchFile::detached).
std::vector<std::pair<std::string, plan::ObjectPtr>> runObjects(const ModelStates &states);

/// Objects and entries of the client state ("client_state.rng") that two ranks' files do not hold
/// with one value; tensors too large to be compared here count as different.
Result<std::vector<std::string>> differingObjects(const ModelStates &first,
                                                  const ModelStates &rank);

} // namespace recast::format::deepspeed
