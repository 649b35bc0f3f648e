// Masters and optimizer states out of the flat buffers of ZeRO-1, 2 and 3.
#pragma once

#include "runtime/format/deepspeed/read/ModelStates.h"

namespace recast::format::deepspeed {

/// Adds the tensors of every rank's flat buffers to the inventory. `groupOf`: parameter group of
/// each entry of `param_shapes`. Buffers of the wrong size and orders that nothing explains go to
/// `problems`.
void addFlatTensors(const ModelStates &model, const std::vector<RankStates> &ranks, bool zero3,
                    const std::vector<int32_t> &groupOf, Inventory &inventory,
                    torch::InventoryBuilder &builder, std::vector<Error> &problems);

/// A scalar of a parameter's optimizer state (a step), as a tensor of the inventory.
Tensor scalarTensor(Name name, Name role, const Scalar &value, int32_t group,
                    torch::InventoryBuilder &builder);

} // namespace recast::format::deepspeed
