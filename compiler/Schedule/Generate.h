// Generators of synchronous pipeline schedules: every microbatch goes forward and back through
// every stage once, and the weights change after all of them.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// What a kind needs to know. `group`: microbatches that an interleaved schedule runs through one
/// chunk before the next (Megatron's microbatch_group_size_per_vp_stage); 0: as PyTorch chooses.
struct Shape {
  int32_t ranks = 1, chunks = 1, microbatches = 1;
  int32_t group = 0;
};

/// Names of the kinds, sorted: "1f1b", "dualpipe-v", "gpipe", ...
std::vector<std::string> kinds();

/// Stages per rank where the user says nothing: 2 for kinds that need or profit from several.
int32_t usualChunks(std::string_view kind);

/// The lists of a kind. Code::Usage, with the condition, where the kind does not exist for a shape.
/// Sources: GPipe (arXiv 1811.06965); 1F1B with flush (PipeDream-Flush, arXiv 2006.09503);
/// interleaved (Megatron-LM, arXiv 2104.04473); looped BFS (arXiv 2211.05953); ZB-H1, ZB-V and
/// interleaved zero bubble (arXiv 2401.10241, 2405.15362); DualPipeV (DeepSeek's DualPipe). Orders
/// are those of PyTorch 2.13 and Megatron-Core 0.16, action for action.
Result<Schedule> generate(std::string_view kind, const Shape &shape);

} // namespace recast::schedule
