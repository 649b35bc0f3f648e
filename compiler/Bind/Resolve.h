// Which tensor of the source fills which cell of each target's tensor x role matrix (D4: every cell
// has a source or a drop; nothing is implicit).
#pragma once

#include "compiler/Bind/Ends.h"
#include "compiler/Bind/Predict.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/TargetWriter.h"
#include "runtime/plan/Plan.h"

#include <functional>

namespace recast::compiler {

/// One output: the tensor, in this role of this target, moved ahead where there is a prediction and
/// after this chain.
struct Cell {
  uint32_t target = 0;
  std::string role;
  std::optional<Prediction> prediction;
  std::vector<ChainStep> chain;
  Destination to;
};

/// What becomes of one source tensor.
struct Use {
  std::vector<Cell> cells;
  /// Stays inside a kept file of some target (weights in model-states files): its bytes are read.
  bool keptVerbatim = false;
};

/// Elements of a target that have no source: padding, and what `init` fills.
struct Fill {
  uint32_t target = 0;
  std::string role;
  Destination to;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  uint64_t bits = 0; ///< Of the value, in `dtype`.
};

struct Resolution {
  std::vector<Use> uses; ///< Parallel to Inventory::tensors.
  std::vector<Fill> fills;
  std::vector<plan::LeftOut> leftOut;
  std::vector<std::string> notes; ///< For people.
};

/// What pipelines say of the tensors of the source.
struct Shares {
  /// Whether a tensor is of a target's share.
  std::function<bool(uint32_t target, uint32_t tensor)> owns;
  /// How far ahead a pipeline wants a tensor on a target's rank; nothing where that is not one
  /// number.
  std::function<std::optional<int32_t>(const std::string &pipeline, uint32_t target,
                                       uint32_t tensor)>
      lag;
};

Result<Resolution> resolve(const Job &job, const Ends &ends, const Shares &shares);

} // namespace recast::compiler
