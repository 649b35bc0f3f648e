// Any one file that torch.save wrote, shown for what it is: its tensors by their path in the tree.
#pragma once

#include "runtime/format/Inventory.h"

namespace recast::format {

/// `format`: "deepspeed_rank_file" for a file of a DeepSpeed checkpoint, else "torch". Tensors have
/// the role "tensor" and names such as `module.embed.weight`; what they mean to the run as a whole
/// is not told by one file, so nothing here can be converted.
Result<Inventory> readTorchFile(const std::string &path, const std::string &format);

} // namespace recast::format
