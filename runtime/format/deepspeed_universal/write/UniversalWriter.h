// DeepSpeed's universal checkpoint folder, in a form that the loaders of ZeRO stages 1, 2 and 3 all
// take (DeepSpeed 0.19.8: checkpoint/universal_checkpoint.py, runtime/base_optimizer.py,
// runtime/zero/stage3.py).
#pragma once

#include "runtime/format/TargetWriter.h"

namespace recast::format {

const TargetTraits &universalTraits();

/// `master`, frozen parameters and buffers become `zero/NAME/fp32.pt`, every other per-element role
/// `zero/NAME/ROLE.pt`, steps `zero/NAME/step.pt`; weights stay in the kept model-states files.
/// Options: `tag` (folder TAG_universal), `atoms` = dict | flat (bare 1-D tensors, for ZeRO-3
/// loaders before the dict form), `allow_foreign_objects` = true | false.
Result<std::unique_ptr<TargetWriter>> createUniversalWriter(WriteRequest request);

} // namespace recast::format
