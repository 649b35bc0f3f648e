#include "compiler/Pipe/DeclaredSchedule.h"
#include "compiler/Pipe/Passes.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {
#define GEN_PASS_DEF_EXPANDSCHEDULES
#include "compiler/Pipe/Passes.h.inc"

namespace {

class ExpandSchedules : public impl::ExpandSchedulesBase<ExpandSchedules> {
  void runOnOperation() override {
    for (auto op : llvm::make_early_inc_range(getOperation().getOps<pipe::ScheduleOp>())) {
      auto declared = readSchedule(op);
      if (!declared) {
        op.emitError() << declared.error().message();
        return signalPassFailure();
      }
      OpBuilder builder(op);
      makeLists(builder, op.getLoc(), op.getSymName(), declared->lists);
      op.erase();
    }
  }
};

} // namespace
} // namespace recast::compiler
