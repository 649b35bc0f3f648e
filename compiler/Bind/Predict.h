// Weights some updates ahead: what `predict` means for one tensor, its hyper-parameters taken from
// the specification or from the tensor's parameter group and step.
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"

#include <functional>
#include <optional>

namespace recast::compiler {

/// What `ckpt.extrapolate` shall compute: the states by their index in the inventory, and the
/// scalars (f64), the decay behind the others.
struct Prediction {
  ir::ckpt::Direction direction = ir::ckpt::Direction::Velocity;
  std::vector<uint32_t> states;
  std::vector<double> scalars;
  bool operator==(const Prediction &) const = default;
};

/// What became of a `predict`.
struct Predicted {
  std::optional<Prediction> prediction; ///< None: the weights stay as they are.
  bool noUpdateYet = false;             ///< Because the optimizer has made no update.
};

/// The index of the tensor with a name and a role; -1 if there is none.
using FindTensor = std::function<int64_t(Name name, Name role)>;

/// Fails with Usage at `loc`, naming the tensor, where the rule does not fit its arguments, the
/// states or the hyper-parameters. Nothing is read besides metadata.
Result<Predicted> predicted(const PredictRule &rule, mlir::Location loc,
                            const format::Inventory &source, uint32_t weights,
                            const FindTensor &find);

} // namespace recast::compiler
