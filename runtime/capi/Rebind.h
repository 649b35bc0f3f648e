// The same plan for the next step of the same run, without compiling: files, offsets, sizes, times,
// step, learning rate and iteration are taken from the new checkpoint; all else must be as it was.
#pragma once

#include "runtime/format/Inventory.h"
#include "runtime/plan/Plan.h"

#include <string>

namespace recast::capi {

struct RebindRequest {
  std::string source;       ///< Path of the new checkpoint: a run folder, a tag, a model folder.
  format::ReadOptions read; ///< Which tag of a run, ...; the plan says the format.
  std::string spec; ///< Text of the job with the new path, for provenance; empty: as it was.
};

/// The plan that compiling the job anew would give, byte for byte. Reads the metadata of the new
/// checkpoint, nothing of the old one. Code::BadInput, naming the first tensor, file or object,
/// where something but values changed; Code::Usage where only compiling can tell (conditions over
/// the step, states that cannot be told apart). Side files are looked up again by name.
Result<plan::Plan> rebind(const plan::Plan &plan, const RebindRequest &request);

} // namespace recast::capi
