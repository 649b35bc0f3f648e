// The tensors of a module and of frozen parameters: weights, frozen values, buffers, aliases.
#pragma once

#include "runtime/format/deepspeed/read/ModelStates.h"

namespace recast::format::deepspeed {

/// Adds the tensors of the module to the inventory. `models`: one file, or (ZeRO-3) the files of
/// all ranks, whose fragments join. `groupOf`: index of the parameter group of each entry of
/// `paramShapes`.
void addModuleTensors(const std::vector<ModelStates> &models, bool zero3,
                      const std::vector<int32_t> &groupOf, Inventory &inventory,
                      torch::InventoryBuilder &builder);

} // namespace recast::format::deepspeed
