#include "lang/import/ExportEndpoint.h"

#include "lang/import/ExportModel.h"
#include "lang/import/ExprAttr.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {

Result<LayoutStep> exportStep(Attribute attr) {
  layout::Step known = ckpt::stepOf(attr);
  if (auto *pad = std::get_if<layout::Pad>(&known)) {
    Expr multiple;
    multiple.integer = pad->multiple;
    return LayoutStep{{}, PadStep{pad->axis, std::make_shared<const Expr>(std::move(multiple))}};
  }
  if (auto *split = std::get_if<layout::Split>(&known)) {
    auto rule = cast<ckpt::SplitAttr>(attr).getRule();
    return LayoutStep{
        {},
        SplitStep{split->axes, split->by,
                  rule == ckpt::SplitRule::Even ? "" : ckpt::stringifySplitRule(rule).str(),
                  split->widths}};
  }
  if (auto *chunk = std::get_if<layout::Chunk>(&known))
    return LayoutStep{{}, ChunkStep{chunk->dim, chunk->by}};
  if (auto *stage = std::get_if<layout::Stage>(&known))
    return LayoutStep{{}, StageStep{stage->by, stage->at}};
  if (auto *varying = std::get_if<layout::Varying>(&known))
    return LayoutStep{{}, VaryingStep{varying->by}};
  auto flat = dyn_cast<ckpt::FlatAttr>(attr);
  if (!flat)
    return badInput("a rule of `same` cannot say `" + layout::str(known) + "`");
  return LayoutStep{{},
                    FlatStep{flat.getBy().str(), ckpt::stringifyFlatScope(flat.getPer()).str()}};
}

namespace {

template <typename Op> Result<Endpoint> endpointOf(Op op) {
  Endpoint out;
  out.loc = placeOf(op.getLoc());
  out.isTarget = std::is_same_v<Op, ckpt::TargetOp>;
  RECAST_ASSIGN(out.name, identifier(op.getSymName(), op.getLoc()));
  RECAST_ASSIGN(out.format, identifier(op.getFormat(), op.getLoc()));
  out.args = attrToArgs(op.getArgs());
  if (op.getSame())
    for (auto rule : op.getSame()->template getAsRange<ckpt::SameAttr>()) {
      SameRule &made = out.same.emplace_back();
      made.names.text = rule.getNames().str();
      for (Attribute step : rule.getSteps()) {
        RECAST_ASSIGN(LayoutStep one, exportStep(step));
        made.steps.push_back(std::move(one));
      }
    }
  if (op.getMesh()) {
    layout::Mesh mesh = op.getMesh()->getMesh();
    for (auto [axis, size] : llvm::zip_equal(mesh.axes, mesh.sizes)) {
      RECAST_ASSIGN(std::string name, identifier(axis, op.getLoc()));
      out.mesh.emplace_back(std::move(name), size);
    }
  }
  RECAST_ASSIGN(out.replicated, identifiers(op.getReplicated(), op.getLoc()));
  if (op.getView()) {
    RECAST_ASSIGN(out.view, identifier(*op.getView(), op.getLoc()));
    out.model = attrToExpr(*op.getModel());
  }
  if (op.getStages()) {
    RECAST_ASSIGN(out.stages, identifier(*op.getStages(), op.getLoc()));
  }
  return out;
}

} // namespace

Result<Endpoint> exportEndpoint(ckpt::SourceOp op) { return endpointOf(op); }
Result<Endpoint> exportEndpoint(ckpt::TargetOp op) { return endpointOf(op); }

} // namespace recast::lang
