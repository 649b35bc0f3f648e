// zero/optimizer_state.pt of a universal folder: what a run's optimizers hold besides tensors.
#pragma once

#include "runtime/format/read/Values.h"
#include "runtime/format/torch/read/InventoryBuilder.h"

namespace recast::format::universal {

struct OptimizerStateFile {
  std::optional<int64_t> stage; ///< Of ZeRO, of the run that was converted.
  plan::ObjectPtr paramGroups;  ///< List of dicts; null in folders of DeepSpeed before 0.13.
  plan::ObjectPtr rest;         ///< Dict of the other keys, without flat tensors.
  /// Per sub-group, from ZeRO-3's own state: upstream writes no step.pt there. Empty: not told.
  std::vector<Scalar> steps;
};

/// `root` + "/" + `path` is the file. Classes outside the allow-list are told to the builder.
Result<OptimizerStateFile> readOptimizerState(const std::string &root, const std::string &path,
                                              torch::InventoryBuilder &builder,
                                              torch::PickleBudget &budget,
                                              uint64_t &detachedBudget);

} // namespace recast::format::universal
