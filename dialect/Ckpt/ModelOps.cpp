// Models, views and the paths that name their tensors.
#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

namespace recast::ir::ckpt {

using EmitError = function_ref<InFlightDiagnostic()>;

// ---- paths
LogicalResult SegmentAttr::verify(EmitError emitError, StringAttr name, StringAttr index,
                                  ArrayAttr members) {
  if (bool(name) == bool(members))
    return emitError() << "a segment has either a name or members";
  if (name && name.empty())
    return emitError() << "a segment with an empty name";
  if (index && index.empty())
    return emitError() << "a segment with an empty index";
  if (!members)
    return success();
  if (members.empty())
    return emitError() << "a choice or pack of nothing";
  llvm::StringSet<> seen;
  for (Attribute member : members) {
    auto text = dyn_cast<StringAttr>(member);
    if (!text || text.empty())
      return emitError() << member << " is not the name of a tensor";
    if (!seen.insert(text.getValue()).second)
      return emitError() << "`" << text.getValue() << "` stands twice";
  }
  return success();
}

LogicalResult PathAttr::verify(EmitError emitError, ArrayRef<SegmentAttr> segments) {
  if (segments.empty())
    return emitError() << "an empty path";
  auto isPack = [](SegmentAttr segment) { return segment.getMembers() && !segment.getIndex(); };
  if (llvm::count_if(segments, isPack) > 1)
    return emitError() << "a path with two packs";
  // What a path stands for is listed when it is bound: no more of it than anyone writes.
  constexpr size_t kMost = 4096;
  size_t count = 1;
  for (SegmentAttr segment : segments)
    if (ArrayAttr members = segment.getMembers())
      if ((count *= std::min(members.size(), kMost + 1)) > kMost)
        return emitError() << "a path that stands for more than " << kMost << " tensors";
  return success();
}

LogicalResult PadToAttr::verify(EmitError emitError, StringRef axis, Attribute multiple) {
  if (axis.empty())
    return emitError() << "a pad names its axis";
  if (!isExpr(multiple))
    return emitError() << multiple << " is not an expression";
  return success();
}

// ---- models
template <typename... Allowed> static LogicalResult verifyItems(Operation *parent, Block &block) {
  llvm::StringSet<> seen;
  for (Operation &item : block) {
    if (!isa<Allowed...>(item))
      return item.emitOpError() << "cannot stand in " << parent->getName();
    if (auto name = item.getAttrOfType<StringAttr>("name"))
      if (!seen.insert(name.getValue()).second)
        return item.emitOpError() << "`" << name.getValue() << "` stands twice";
  }
  return success();
}

LogicalResult ModelOp::verifyRegions() {
  return verifyItems<DimOp, TensorOp, GroupOp>(*this, getBody().front());
}

LogicalResult GroupOp::verifyRegions() {
  return verifyItems<TensorOp, GroupOp>(*this, getBody().front());
}

LogicalResult TensorOp::verify() {
  if (getWhen() && !getTied())
    return emitOpError("has `when` without `tied`");
  return success();
}

// ---- views
LogicalResult ViewOp::verifyRegions() {
  return verifyItems<RuleOp, IgnoreOp>(*this, getBody().front());
}

LogicalResult ViewOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!symbols.lookupNearestSymbolFrom<ModelOp>(getOperation(), getModelAttr()))
    return emitOpError() << "is of " << getModelAttr() << ", which is no ckpt.model";
  return success();
}

LogicalResult RuleOp::verify() {
  if (getStored().empty())
    return emitOpError("has no stored name");
  for (Attribute step : getSteps().value_or(ArrayAttr::get(getContext(), {})))
    if (!isStep(step) && !isa<PadToAttr>(step))
      return emitOpError() << step << " is not a layout step";
  return success();
}

} // namespace recast::ir::ckpt
