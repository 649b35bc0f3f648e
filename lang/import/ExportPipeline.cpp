#include "lang/import/ExportPipeline.h"

#include "lang/import/ExportModel.h"
#include "lang/import/ExprAttr.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {

Result<Pipeline> exportPipeline(pipe::ScheduleOp op) {
  Pipeline out;
  out.loc = placeOf(op.getLoc());
  RECAST_ASSIGN(out.name, identifier(op.getSymName(), op.getLoc()));
  out.attributes = attrToArgs(op.getArgs());
  for (Attribute attr : op.getAssign().value_or(ArrayAttr::get(op.getContext(), {}))) {
    auto rule = cast<pipe::AssignAttr>(attr);
    AssignRule &made = out.assign.emplace_back();
    made.loc = made.how.loc = out.loc;
    made.names = globs(rule.getNames());
    RECAST_ASSIGN(made.paths, exportPaths(rule.getPaths(), op.getLoc()));
    ExprPtr how = attrToExpr(rule.getHow());
    made.how.name = how->text;
    made.how.args = how->args;
  }
  return out;
}

} // namespace recast::lang
