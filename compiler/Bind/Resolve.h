// Which tensor of the source fills which cell of each target's tensor x role matrix (D4: every cell
// has a source or a drop; nothing is implicit).
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/TargetWriter.h"
#include "runtime/plan/Plan.h"

namespace recast::compiler {

/// One output: the tensor, in this role of this target, after these casts.
struct Cell {
  uint32_t target = 0;
  std::string role;
  std::vector<CastStep> casts;
  bool operator==(const Cell &) const = default;
};

/// What becomes of one source tensor.
struct Use {
  std::vector<Cell> cells;
  /// Stays inside a kept file of some target (weights in model-states files): its bytes are read.
  bool keptVerbatim = false;
};

struct Resolution {
  std::vector<Use> uses; ///< Parallel to Inventory::tensors.
  std::vector<plan::LeftOut> leftOut;
};

Result<Resolution> resolve(const Job &job, const format::Inventory &source);

} // namespace recast::compiler
