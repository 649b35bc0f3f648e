// The ends of a job once their views are bound: what the source holds under which names, and where
// each target wants it.
#pragma once

#include "compiler/Bind/Destination.h"
#include "compiler/Bind/Job.h"
#include "runtime/plan/Plan.h"

#include <memory>

namespace recast::compiler {

struct Ends {
  /// By logical names where the source has a view, else as read.
  format::Inventory source;
  std::vector<std::string> storedNames; ///< Parallel to source.tensors: names in the files.
  const BoundModel *model = nullptr;    ///< Of the source; null without a view.
  std::vector<Destinations> targets;    ///< Parallel to job.targets.
  std::vector<plan::LeftOut> leftOut;
  std::vector<std::unique_ptr<BoundView>> views; ///< What the pointers above point to.

  /// Whether a selection by patterns (over names in the files) and paths (of the model) means the
  /// tensor; one without both means all.
  bool selects(const std::vector<std::string> &globs, const std::vector<ir::ckpt::PathAttr> &paths,
               uint32_t tensor) const;
};

/// Binds the views, takes the stored tensors apart, and leaves out what `only` does not name.
Result<Ends> bindEnds(mlir::ModuleOp module, const Job &job, format::Inventory source);

} // namespace recast::compiler
