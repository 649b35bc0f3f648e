// Safetensors files: https://github.com/huggingface/safetensors (format) and the sharded form of
// huggingface_hub (`model-00001-of-0000N.safetensors` with an index).
#pragma once

#include "runtime/format/TargetWriter.h"

namespace recast::format {

const TargetTraits &safetensorsTraits();

/// Weights, frozen parameters and buffers by name; aliases are left out. Option `max_shard_size`:
/// bytes, or a number with KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB; default 5GB. A
/// tensor larger than that has a file of its own.
Result<std::unique_ptr<TargetWriter>> createSafetensorsWriter(WriteRequest request);

} // namespace recast::format
