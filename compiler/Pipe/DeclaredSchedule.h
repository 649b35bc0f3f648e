// Between the ops of the pipe dialect and the schedules of compiler/Schedule, which knows no IR.
#pragma once

#include "compiler/Schedule/Costs.h"
#include "dialect/Pipe/PipeDialect.h"

#include "mlir/IR/Builders.h"

namespace recast::compiler {

struct DeclaredSchedule {
  schedule::Schedule lists;
  schedule::Costs costs;
};

/// The lists that a `pipe.schedule` stands for: generated from its kind, or read from its
/// `actions`. Code::Usage where there is no such kind, where it does not exist for the numbers, or
/// where lists are no actions; the place is the op's.
Result<DeclaredSchedule> readSchedule(ir::pipe::ScheduleOp op);

/// The schedule of a `pipe.lists`; the same errors.
Result<schedule::Schedule> readLists(ir::pipe::ListsOp op);

/// A weight policy as the language writes it: `predict(adamw, s = derived)`, `stash`.
mlir::Attribute weightsAttr(mlir::MLIRContext *context, const schedule::WeightPolicy &policy);

/// `lists` as an op at the builder's place.
ir::pipe::ListsOp makeLists(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                            const schedule::Schedule &lists);

} // namespace recast::compiler
