// DeepSpeed universal checkpoint folders: one folder per parameter, one file per state, no ranks.
// Layout as of DeepSpeed's checkpoint/ds_to_universal.py and universal_checkpoint.py.
#pragma once

#include "runtime/format/Inventory.h"

namespace recast::format {

/// `path`: a folder with `latest_universal`, or the folder that holds `zero/`. Atoms are dicts with
/// `param` or bare flat tensors, whose shapes come from the model states beside them.
Result<Inventory> readUniversal(const std::string &path, const ReadOptions &options);

} // namespace recast::format
