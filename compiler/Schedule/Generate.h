// Generators of pipeline schedules: every microbatch goes forward and back through every stage
// once. In synchronous kinds the weights change after all of them, and the lists have no update;
// lists of asynchronous kinds have all updates and weight actions.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <optional>

namespace recast::schedule {

/// What a kind needs to know. `group`: microbatches that an interleaved schedule runs through one
/// chunk before the next (Megatron's microbatch_group_size_per_vp_stage); 0: as PyTorch chooses.
struct Shape {
  int32_t ranks = 1, chunks = 1, microbatches = 1;
  int32_t group = 0;
  // Of asynchronous kinds only:
  /// Microbatches per update, of which there is a whole number; 0: 1, or of 2bw and xpipe the
  /// number of ranks.
  int32_t updateEvery = 0;
  /// In place of the kind's rule; the kind then gives the order alone.
  std::optional<WeightPolicy> weights = {};
  Optimizer optimizer = Optimizer::Unknown; ///< Where `weights` says none.
};

/// Names of the kinds, sorted: "1f1b", "dualpipe-v", "gpipe", ...
std::vector<std::string> kinds();

/// Stages per rank where the user says nothing: 2 for kinds that need or profit from several.
int32_t usualChunks(std::string_view kind);

/// Whether Shape::group means something to the kind.
bool hasGroups(std::string_view kind);

/// The kind's name with '-' for '_'. Code::Usage, with what was meant, where there is none.
Result<std::string> kindNamed(std::string_view kind);

/// The lists of a kind; '_' in its name means '-'. Code::Usage, with the condition, where the kind
/// does not exist for a shape.
/// Sources: GPipe (arXiv 1811.06965); 1F1B with flush (PipeDream-Flush, arXiv 2006.09503);
/// interleaved (Megatron-LM, arXiv 2104.04473); looped BFS (arXiv 2211.05953); ZB-H1, ZB-V and
/// interleaved zero bubble (arXiv 2401.10241, 2405.15362); DualPipeV (DeepSeek's DualPipe). Orders
/// are those of PyTorch 2.13 and Megatron-Core 0.16, action for action. Asynchronous: PipeDream
/// (SOSP 2019), 2BW (arXiv 2006.09503), SpecTrain (arXiv 1809.02839), XPipe (arXiv 1911.04610),
/// PipeOptim (arXiv 2312.00839: its formula and that of its code), and `async`, which does nothing
/// about the weights that change.
Result<Schedule> generate(std::string_view kind, const Shape &shape);

} // namespace recast::schedule
