#include "compiler/Pipe/DeclaredSchedule.h"
#include "compiler/Pipe/Passes.h"
#include "compiler/Schedule/Check.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {
#define GEN_PASS_DEF_CHECKSCHEDULES
#include "compiler/Pipe/Passes.h.inc"

namespace {

class CheckSchedules : public impl::CheckSchedulesBase<CheckSchedules> {
  using CheckSchedulesBase::CheckSchedulesBase;

  void runOnOperation() override {
    schedule::Limits limits;
    if (channelDepth >= 0)
      limits.channelDepth = static_cast<int32_t>(std::min<int64_t>(channelDepth, INT32_MAX));
    if (activations >= 0)
      limits.activations = activations;
    for (auto op : getOperation().getOps<pipe::ScheduleOp>()) {
      op.emitError("is checked as explicit lists: run --expand-schedules before");
      signalPassFailure();
    }
    for (auto op : getOperation().getOps<pipe::ListsOp>()) {
      auto lists = readLists(op);
      if (!lists) {
        op.emitError() << lists.error().message();
        signalPassFailure();
        continue;
      }
      for (const schedule::Finding &finding : schedule::check(*lists, limits)) {
        bool isError = finding.severity == schedule::Severity::Error;
        (isError ? op.emitError() : op.emitWarning())
            << "[" << finding.code << "] " << finding.message;
        if (isError)
          signalPassFailure();
      }
    }
  }
};

} // namespace
} // namespace recast::compiler
