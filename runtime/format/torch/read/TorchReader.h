// Reads what torch.save wrote as a model: one file with a state dict, or a Hugging Face folder of
// `pytorch_model.bin` files.
#pragma once

#include "runtime/format/Inventory.h"

namespace recast::format {

/// `path`: a file, an index (pytorch_model.bin.index.json), or a folder. The tensors of the state
/// dict have the role `weight`; what else the file holds becomes objects. `options.key` says where
/// the state dict is (see torch/read/StateDict.h). Names that share one view are aliases of the
/// first. Fails when no file can be read; what cannot be represented is a problem.
Result<Inventory> readTorch(const std::string &path, const ReadOptions &options);

} // namespace recast::format
