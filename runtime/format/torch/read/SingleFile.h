// One file of torch.save shown for what it is: its tensors by their path in the tree.
#pragma once

#include "runtime/format/Inventory.h"

namespace recast::format {

/// A file of a DeepSpeed checkpoint by itself. Tensors have the role "tensor" and names such as
/// `module.embed.weight`; what they mean to the run as a whole is not told by one file, so nothing
/// here can be converted.
Result<Inventory> readSingleTorchFile(const std::string &path);

} // namespace recast::format
