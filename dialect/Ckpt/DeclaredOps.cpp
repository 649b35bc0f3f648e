#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "dialect/Ckpt/CkptOps.cpp.inc"

namespace recast::ir::ckpt {

// ---- endpoints
template <typename Endpoint> static LogicalResult verifyEndpoint(Endpoint op) {
  if (op.getView() && op.getSame())
    return op.emitOpError("is as a view or as `same`, not both");
  if (op.getView().has_value() != op.getModel().has_value())
    return op.emitOpError("has a view and its model together");
  bool named = false;
  for (Attribute arg : op.getArgs()) {
    if (!isArg(arg))
      return op.emitOpError() << "argument " << arg << " is not an expression";
    if (named && !isa<ArgAttr>(arg))
      return op.emitOpError() << "argument " << arg << " without a name follows a named one";
    named |= isa<ArgAttr>(arg);
  }
  auto hasAxis = [&](StringRef axis) {
    return op.getMesh() && llvm::is_contained(op.getMesh()->getMesh().axes, axis.str());
  };
  // The mesh of a source is in its files; where `on` is left out, binding looks there.
  bool known = op.getMesh() || std::is_same_v<Endpoint, TargetOp>;
  for (Attribute rule : op.getSame().value_or(ArrayAttr::get(op.getContext(), {})))
    for (Attribute step : cast<SameAttr>(rule).getSteps()) {
      for (const std::string &axis : layout::meshAxesOf(stepOf(step)))
        if (known && !hasAxis(axis))
          return op.emitOpError() << "step " << step << " cuts over `" << axis
                                  << "`, which is no axis of the mesh";
    }
  for (Attribute axis : op.getReplicated().value_or(ArrayAttr::get(op.getContext(), {})))
    if (!hasAxis(cast<StringAttr>(axis).getValue()))
      return op.emitOpError() << "replicated over `" << cast<StringAttr>(axis).getValue()
                              << "`, which is no axis of the mesh";
  return success();
}

template <typename Endpoint>
static LogicalResult verifyView(Endpoint op, SymbolTableCollection &symbols) {
  if (op.getViewAttr() &&
      !symbols.lookupNearestSymbolFrom<ViewOp>(op.getOperation(), op.getViewAttr()))
    return op.emitOpError() << "is as " << op.getViewAttr() << ", which is no ckpt.view";
  return success();
}

/// Pipelines are ops of the pipe dialect, which is built upon this one.
static LogicalResult verifyPipeline(mlir::Operation *op, FlatSymbolRefAttr name,
                                    SymbolTableCollection &symbols) {
  mlir::Operation *found = symbols.lookupNearestSymbolFrom(op, name);
  if (!found || found->getName().getDialectNamespace() != "pipe")
    return op->emitOpError() << "names " << name << ", which is no pipeline";
  return success();
}

LogicalResult SourceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyView(*this, symbols);
}
LogicalResult TargetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getStagesAttr() && failed(verifyPipeline(*this, getStagesAttr(), symbols)))
    return failure();
  return verifyView(*this, symbols);
}
LogicalResult DeadlineOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyPipeline(*this, getPipelineAttr(), symbols);
}
LogicalResult SourceOp::verify() {
  if (getStages())
    return emitOpError("has no `stages`: where the stages of a source are, its files say");
  return verifyEndpoint(*this);
}
LogicalResult TargetOp::verify() { return verifyEndpoint(*this); }

// ---- ckpt.job
LogicalResult JobOp::verify() {
  if (getTargets().empty())
    return emitOpError("has no target");
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (Attribute target : getTargets())
    if (!seen.insert(target).second)
      return emitOpError() << "names target " << target << " twice";
  return success();
}

LogicalResult JobOp::verifyRegions() {
  for (Operation &statement : getBody().front()) {
    if (!isa<RoleOp, DropOp, ObjectsOp, FilesOp, ExpectOp, CheckOp, BudgetOp, OnlyOp, InitOp,
             DeadlineOp>(statement))
      return statement.emitOpError("is not a statement of a job");
    auto targets = statement.getAttrOfType<ArrayAttr>("targets");
    if (!targets)
      continue;
    if (targets.empty())
      return statement.emitOpError("`for` names at least one target; without it a statement holds "
                                   "for all");
    for (Attribute target : targets)
      if (!llvm::is_contained(getTargets(), target)) {
        InFlightDiagnostic diag = statement.emitOpError()
                                  << "is for " << target << ", which is no target of the job";
        diag.attachNote(getLoc()) << "the job's targets are " << getTargets();
        return diag;
      }
  }
  return success();
}

LogicalResult JobOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!symbols.lookupNearestSymbolFrom<SourceOp>(getOperation(), getSourceAttr()))
    return emitOpError() << "reads " << getSourceAttr() << ", which is no ckpt.source";
  for (auto target : getTargets().getAsRange<FlatSymbolRefAttr>())
    if (!symbols.lookupNearestSymbolFrom<TargetOp>(getOperation(), target))
      return emitOpError() << "writes " << target << ", which is no ckpt.target";
  return success();
}

// ---- statements
template <typename Selection> static LogicalResult verifySelection(Selection op) {
  if (op.getIsElse() == op.getRoles().has_value())
    return op.emitOpError("selects either roles or `else`");
  if (op.getRoles() && op.getRoles()->empty())
    return op.emitOpError("selects no role");
  if (op.getNames() && op.getNames()->empty())
    return op.emitOpError("`in` names at least one pattern");
  return success();
}

LogicalResult RoleOp::verify() {
  if (getFrom() && getFrom()->empty())
    return emitOpError("`from` names a role");
  return verifySelection(*this);
}
LogicalResult DropOp::verify() { return verifySelection(*this); }

YieldOp RoleOp::getYield() { return cast<YieldOp>(getBlock().getTerminator()); }

LogicalResult RoleOp::verifyRegions() {
  if (getBlock().getNumArguments() != 1 || !isa<StateType>(getState().getType()))
    return emitOpError("the region has one argument, a !ckpt.state");
  auto yield = dyn_cast<YieldOp>(getBlock().getTerminator());
  if (!yield || yield.getValues().size() != 1 ||
      !isa<StateType>(yield.getValues().front().getType()))
    return emitOpError("the region yields one !ckpt.state");
  return success();
}

LogicalResult ObjectsOp::verify() {
  if (getIsElse() == getKeys().has_value())
    return emitOpError("names either keys or `else`");
  if (getKeys() && getKeys()->empty())
    return emitOpError("names no key");
  if ((getPolicy() == ObjectPolicy::Set) != getValue().has_value())
    return emitOpError("has a value exactly with `set`");
  return success();
}

LogicalResult OnlyOp::verify() {
  if ((!getNames() || getNames()->empty()) && (!getPaths() || getPaths()->empty()))
    return emitOpError("names no tensor");
  return success();
}

LogicalResult InitOp::verify() {
  if (getRoles().empty())
    return emitOpError("names no role");
  auto integer = dyn_cast<IntegerAttr>(getValue());
  bool isNumber = isa<FloatAttr>(getValue()) || (integer && integer.getType().isInteger(64));
  if (!isNumber)
    return emitOpError() << "fills with a number, not with " << getValue();
  return success();
}

LogicalResult FilesOp::verify() {
  if (getNames().empty())
    return emitOpError("names no file");
  return success();
}

LogicalResult BudgetOp::verify() {
  if (getSize().getBytes() < 1)
    return emitOpError("is at least one byte");
  return success();
}

} // namespace recast::ir::ckpt
