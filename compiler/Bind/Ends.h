// The ends of a job once their views are bound: what the source holds under which names, and where
// each target wants it.
#pragma once

#include "compiler/Bind/Destination.h"
#include "compiler/Bind/Job.h"
#include "runtime/plan/Plan.h"

#include <memory>

namespace recast::compiler {

struct Ends;

/// Which tensors of the source a statement names; its paths are looked up once.
class Selector {
public:
  bool means(uint32_t tensor) const { return all_ || isNamed(tensor); }

private:
  friend struct Ends;
  bool isNamed(uint32_t tensor) const;

  const Ends *ends_ = nullptr;
  const std::vector<std::string> *globs_ = nullptr;
  bool all_ = false;
  std::vector<char> decls_; ///< Per declaration of the model; empty: no paths.
};

struct Ends {
  /// By logical names where the source has a view, else as read.
  format::Inventory source;
  std::vector<Name> storedNames;     ///< Parallel to source.tensors: names in the files.
  const BoundModel *model = nullptr; ///< Of the source; null without a view.
  std::vector<uint32_t> decls;       ///< Parallel to source.tensors; empty without a view.
  std::vector<Destinations> targets; ///< Parallel to job.targets.
  std::vector<plan::LeftOut> leftOut;
  std::vector<std::unique_ptr<BoundView>> views; ///< What the pointers above point to.

  /// A selection by patterns (over names in the files) and paths (of the model); one without both
  /// means all. `globs` and these ends must outlive it.
  Selector selector(const std::vector<std::string> &globs,
                    const std::vector<ir::ckpt::PathAttr> &paths) const;
};

/// Binds the views, takes the stored tensors apart, and leaves out what `only` does not name.
Result<Ends> bindEnds(mlir::ModuleOp module, const Job &job, format::Inventory source);

} // namespace recast::compiler
