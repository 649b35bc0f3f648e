// The hyper-parameters of a `predict`: what the specification gives, else what the tensor's
// parameter group has.
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"

#include <cmath>
#include <optional>
#include <utility>

namespace recast::compiler {

/// A number of a parameter group; nothing for other values.
std::optional<double> objectNumber(const plan::Object &value);

/// Code::Usage at `loc`, naming the tensor.
tl::unexpected<Error> predictError(mlir::Location loc, const format::Tensor &weights,
                                   std::string message, std::string hint = {});

class HyperParameters {
public:
  /// `group`: null where the source has none for `weights`. All must outlive it.
  HyperParameters(const PredictRule &written, mlir::Location loc, const format::Tensor &weights,
                  const plan::Object *group)
      : written_(written), loc_(loc), weights_(weights), group_(group) {}

  struct Range {
    double low = 0, high = INFINITY;
    bool lowIn = true, highIn = false;
  };
  /// Fails where there is none, or it is not in `range`.
  Result<double> number(const std::string &name, Range range) const;
  Result<std::pair<double, double>> betas() const;

private:
  tl::unexpected<Error> bad(std::string message, std::string hint = {}) const {
    return predictError(loc_, weights_, std::move(message), std::move(hint));
  }
  Result<double> inRange(const std::string &name, double value, Range range, bool isGiven) const;

  const PredictRule &written_;
  mlir::Location loc_;
  const format::Tensor &weights_;
  const plan::Object *group_;
};

} // namespace recast::compiler
