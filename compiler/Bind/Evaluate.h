// Expressions of the specification, evaluated once what their names stand for is known: conditions
// over a source, dimensions of a model.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Object.h"

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Location.h"

#include <functional>
#include <string>

namespace recast::compiler {

/// What names, members and calls are worth. A null value means that nothing is known of the name:
/// then a word stands for itself and anything else is an error.
struct Names {
  std::function<Result<plan::ObjectPtr>(const std::string &word)> word;
  /// `base.field`, where `base` is a word; otherwise members look into the value of their base.
  std::function<Result<plan::ObjectPtr>(const std::string &base, const std::string &field)> member;
  std::function<Result<plan::ObjectPtr>(const std::string &callee,
                                        const std::vector<plan::ObjectPtr> &args)>
      call;
};

struct Evaluated {
  plan::ObjectPtr value; ///< Comparisons are booleans; what is missing is null (`??`).
  std::string witness;   ///< The last comparison that was false.
};
Result<Evaluated> evaluate(mlir::Location loc, mlir::Attribute expression, const Names &names);

/// The value as a reader writes it.
std::string show(const plan::Object &value);

} // namespace recast::compiler
