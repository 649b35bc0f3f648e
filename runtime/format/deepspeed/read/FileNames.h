// The files of a DeepSpeed checkpoint, by name. Ranks are numbers: sorted as text, 10 comes before
// 2 and every flat buffer is assembled in the wrong order.
#pragma once

#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace recast::format::deepspeed {

enum class FileKind {
  ModelStates,      ///< mp_rank_MM_model_states.pt
  Zero3ModelStates, ///< zero_pp_rank_D_mp_rank_MM_model_states.pt
  OptimStates,      ///< [bf16_|fp16_]zero_pp_rank_D_mp_rank_MM_optim_states.pt
  Layer,            ///< layer_LL-model_[TT-model_]states.pt: a pipeline stage's weights
  Expert,           ///< any file of expert-parallel layers
  Other,
};

struct CheckpointFile {
  FileKind kind = FileKind::Other;
  int64_t dp = -1; ///< Data-parallel rank, -1 where the name has none.
  int64_t mp = -1; ///< Model-parallel rank.
  std::string name;
};

CheckpointFile parseFileName(const std::string &name);
/// The regular files of `folder` that belong to a checkpoint, by kind and rank; `Other` left out.
Result<std::vector<CheckpointFile>> listCheckpoint(const std::string &folder);
/// `name` for data-parallel rank `dp` instead of its own.
std::string withRank(const CheckpointFile &file, int64_t dp);

} // namespace recast::format::deepspeed
