// Native DeepSpeed checkpoints of data-parallel runs: ZeRO-1, ZeRO-2, ZeRO-3, BF16_Optimizer. The
// file layout is that of DeepSpeed's engine.py and of its zero optimizers (0.7 to 0.19).
#pragma once

#include "runtime/format/Inventory.h"

namespace recast::format {

/// `path`: a run folder (with `latest`) or the folder of a tag. One mesh axis, `dp`. Damage, mixed
/// runs and layouts that Recast does not read become problems that name the file.
Result<Inventory> readDeepSpeed(const std::string &path, const ReadOptions &options);

} // namespace recast::format
