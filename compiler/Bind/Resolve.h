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
#include <list>
#include <span>

namespace recast::compiler {

/// One output: a tensor of the source, in this role of this target, moved ahead where there is a
/// prediction and after this chain. There are as many as pieces, so they hold nothing themselves.
struct Cell {
  uint32_t tensor = 0; ///< Index into Inventory::tensors.
  uint32_t target = 0;
  Name role;
  uint32_t prediction = plan::kNone;             ///< Index into Resolution::predictions.
  const std::vector<ChainStep> *chain = nullptr; ///< Of the job, or in Resolution::chains.
  Destination to;
};

/// Elements of a target that have no source: padding, and what `init` fills.
struct Fill {
  uint32_t target = 0;
  Name role;
  Destination to;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  uint64_t bits = 0; ///< Of the value, in `dtype`.
};

struct Resolution {
  std::vector<Cell> cells;      ///< In the order of the source's tensors.
  std::vector<uint32_t> begins; ///< Of each tensor's cells; then their number.
  /// Per tensor: it stays inside a kept file of some target (weights in model-states files), so
  /// that its bytes are read.
  std::vector<char> keptVerbatim;
  std::vector<Prediction> predictions;
  std::list<std::vector<ChainStep>> chains;
  std::vector<Fill> fills;
  std::vector<plan::LeftOut> leftOut;
  std::vector<std::string> notes; ///< For people.

  std::span<const Cell> cellsOf(uint32_t tensor) const {
    return std::span(cells).subspan(begins[tensor], begins[tensor + 1] - begins[tensor]);
  }
  std::span<Cell> cellsOf(uint32_t tensor) {
    return std::span(cells).subspan(begins[tensor], begins[tensor + 1] - begins[tensor]);
  }
  /// Brings `cells` into order and fills `begins`; cells without a destination go.
  void sortCells(size_t tensors);
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

/// `job` and `ends` must outlive it.
Result<Resolution> resolve(const Job &job, const Ends &ends, const Shares &shares);

} // namespace recast::compiler
