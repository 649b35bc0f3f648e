// What one optimizer file of a DeepSpeed checkpoint holds: this rank's share of every flat buffer.
#pragma once

#include "runtime/format/read/Values.h"
#include "runtime/format/torch/read/InventoryBuilder.h"

#include <optional>

namespace recast::format::deepspeed {

/// A one-dimensional, contiguous tensor of a file.
struct FlatTensor {
  DType dtype = DType::F32;
  Extent extent;
};

/// Where a fragment of a parameter lies in this rank's partition (`fragment_address`).
struct Fragment {
  std::string name;
  int64_t start = 0, elements = 0;
};

/// Stage 1 and 2: one parameter group; stage 3: one sub-group.
struct FlatState {
  FlatTensor master;
  std::map<std::string, FlatTensor> elements; ///< exp_avg, ...: per-element states by key.
  std::map<std::string, Scalar> scalars;      ///< step, ...
  /// Stage 1 and 2; absent in files of old versions.
  std::optional<std::vector<Fragment>> fragments;
  /// Padding after each parameter, where the file says it.
  std::optional<std::vector<int64_t>> alignment;
};

struct RankStates {
  uint32_t file = 0;
  std::string name; ///< File name, for messages.
  int64_t stage = 0;
  bool elastic = false; ///< `elastic_checkpoint`: no paddings, no hyper-parameters.
  std::vector<FlatState> flats;
  plan::ObjectPtr paramGroups; ///< List of dicts, with `params`.
  plan::ObjectPtr rest;        ///< The other keys, without tensors of any size.
  std::string version;
  std::optional<int64_t> partitionCount; ///< Equal for all groups, else an error.
};

/// A number, or a tensor of one element, of an optimizer's state; `what` names it in the error.
Result<Scalar> readScalar(const torch::TorchFile &file, const plan::Object &value,
                          std::string_view what);
/// A state may not be called like a role that Recast itself gives.
Status checkStateName(const torch::TorchFile &file, std::string_view name, std::string_view what);

/// Reads `relativePath` (below `root`). What Recast does not read (experts, states that are
/// not per element) is an error with the reason.
Result<RankStates> readRankStates(const std::string &root, const std::string &relativePath,
                                  torch::InventoryBuilder &builder, torch::PickleBudget &budget,
                                  uint64_t &detachedBudget);

} // namespace recast::format::deepspeed
