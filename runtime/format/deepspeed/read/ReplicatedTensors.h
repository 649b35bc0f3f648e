// Masters and optimizer states of a run without ZeRO, which lie whole in the model states.
#pragma once

#include "runtime/format/deepspeed/read/ParameterNames.h"

namespace recast::format::deepspeed {

/// Adds the tensors of `optimizer` under their names. A parameter without a master of its own (an
/// fp32 model, or one that trains in its own dtype) has its weight as master: the same bytes.
void addReplicatedTensors(const ModelStates &model, const ReplicatedOptimizer &optimizer,
                          const ParameterNames &names, Inventory &inventory,
                          torch::InventoryBuilder &builder);

} // namespace recast::format::deepspeed
