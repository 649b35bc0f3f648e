// Which files make up the checkpoint: one per rank, all of them, none from another run.
#pragma once

#include "runtime/format/deepspeed/read/TagFolder.h"

namespace recast::format::deepspeed {

/// The files to be read, by rank.
struct Grid {
  bool zero3 = false;
  int64_t world = 0;                 ///< Ranks of the run, whether their files are here or not.
  std::vector<CheckpointFile> model; ///< One, or one per rank under ZeRO-3.
  std::vector<CheckpointFile> optim; ///< One per rank.
};

/// Missing and surplus files go to `problems`; the grid then holds what can still be used. `world`:
/// the number of ranks that the run says it had, or 0.
Grid makeGrid(const TagFolder &folder, int64_t world, std::vector<Error> &problems);
/// The same for a run without ZeRO: one file for all ranks.
Grid gridOfReplicas(const TagFolder &folder, int64_t world, std::vector<Error> &problems);

} // namespace recast::format::deepspeed
