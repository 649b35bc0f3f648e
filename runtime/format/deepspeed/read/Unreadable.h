// DeepSpeed checkpoints that this reader does not read: each kind with its own reason and way out.
#pragma once

#include "runtime/format/deepspeed/read/ModelStates.h"
#include "runtime/format/deepspeed/read/TagFolder.h"

namespace recast::format::deepspeed {

/// By the files in the folder: model, pipeline and expert parallelism, tensors on NVMe.
std::vector<Error> unreadableLayouts(const TagFolder &folder);
/// By the run's configuration: partitions that are not over all data-parallel ranks.
std::vector<Error> unreadableSettings(const ModelStates &model);

} // namespace recast::format::deepspeed
