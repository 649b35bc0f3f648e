// The optimizer of a run without ZeRO: the same on every rank, saved once inside the model states.
#pragma once

#include "runtime/format/deepspeed/read/ModelStates.h"

namespace recast::format::deepspeed {

/// What the optimizer holds for one parameter, or for a whole group (`flat`).
struct OptimizerEntry {
  std::shared_ptr<const plan::TensorRef> master; ///< Null: the module's weight is the master.
  std::map<std::string, std::shared_ptr<const plan::TensorRef>> elements; ///< exp_avg, ...
  std::map<std::string, Scalar> scalars;                                  ///< step, ...
};

struct ReplicatedOptimizer {
  /// FP16_Optimizer over a fused optimizer: one flat buffer per group, without padding. Otherwise
  /// (FP16_UnfusedOptimizer, or torch's optimizer itself) one entry per parameter.
  bool flat = false;
  std::vector<std::vector<OptimizerEntry>> groups;
  plan::ObjectPtr paramGroups; ///< List of dicts.
  plan::ObjectPtr rest;        ///< The other keys: loss scale and the like.
};

/// Reads key `optimizer` of a model-states file: torch's optimizer as it is, or wrapped by
/// DeepSpeed's FP16_Optimizer or FP16_UnfusedOptimizer (which serve bf16 too). States that are not
/// per element are errors with the reason.
Result<ReplicatedOptimizer> readReplicatedOptimizer(const ModelStates &model,
                                                    uint64_t &detachedBudget);

} // namespace recast::format::deepspeed
