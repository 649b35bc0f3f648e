// State dicts as torch.save writes them: one file, or the shards of a Hugging Face folder.
#pragma once

#include "runtime/format/TargetWriter.h"

namespace recast::format {

const TargetTraits &torchTraits();

/// Weights, frozen parameters and buffers by name, tied names sharing one storage; objects beside
/// them. Options: `file`, the name of the file (default `model.pt`); `key`, where in the file's
/// dict the state dict is to be (default: the dict is the file); `max_shard_size` as for
/// safetensors: then the files are called `pytorch_model.bin`, or
/// `pytorch_model-00001-of-0000N.bin` with an index, which hold tensors only;
/// `allow_foreign_objects`.
Result<std::unique_ptr<TargetWriter>> createTorchWriter(WriteRequest request);

} // namespace recast::format
