// Reads what a safetensors model holds: one file, or a folder with `model.safetensors`, an index,
// or one index of another name.
#pragma once

#include "runtime/format/Inventory.h"

namespace recast::format {

/// `path`: a .safetensors file, an index (.json), or a folder. Every tensor has role `weight`; the
/// format does not say which are buffers. Fails when no header can be read; a missing or damaged
/// shard, a tensor mapped to a file that lacks it and a tensor in two files are problems.
Result<Inventory> readSafetensors(const std::string &path, const ReadOptions &options);

} // namespace recast::format
