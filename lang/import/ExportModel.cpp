#include "lang/import/ExportModel.h"

#include "lang/import/ExprAttr.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {
namespace {

Result<std::string> spelled(StringAttr text, mlir::Location loc) {
  return text ? identifier(text.getValue(), loc) : std::string();
}

Result<Path> exportPath(ckpt::PathAttr attr, mlir::Location loc) {
  Path out;
  out.loc = placeOf(loc);
  for (ckpt::SegmentAttr segment : attr.getSegments()) {
    PathSegment &made = out.segments.emplace_back();
    RECAST_ASSIGN(made.name, spelled(segment.getName(), loc));
    RECAST_ASSIGN(made.index, spelled(segment.getIndex(), loc));
    if (segment.getMembers()) {
      RECAST_ASSIGN(made.members, identifiers(segment.getMembers(), loc));
    }
  }
  return out;
}

ExprPtr exprOf(std::optional<Attribute> attr) {
  return attr && *attr ? attrToExpr(*attr) : nullptr;
}

Result<TensorDecl> exportTensor(ckpt::TensorOp op) {
  TensorDecl out;
  out.loc = placeOf(op.getLoc());
  RECAST_ASSIGN(out.name, identifier(op.getName(), op.getLoc()));
  for (auto axis : op.getAxes().getAsRange<StringAttr>()) {
    SmallVector<StringRef> words;
    axis.getValue().split(words, ' ', -1, /*KeepEmpty=*/false);
    std::vector<std::string> &factors = out.axes.emplace_back();
    for (StringRef word : words) {
      RECAST_ASSIGN(std::string name, identifier(word, op.getLoc()));
      factors.push_back(std::move(name));
    }
  }
  if (auto tied = op.getTiedAttr()) {
    RECAST_ASSIGN(out.tied, exportPath(tied, op.getLoc()));
  }
  out.when = exprOf(op.getWhen());
  out.condition = exprOf(op.getCondition());
  return out;
}

Result<std::vector<ModelItem>> exportItems(Block &block) {
  std::vector<ModelItem> out;
  for (mlir::Operation &op : block) {
    if (auto tensor = dyn_cast<ckpt::TensorOp>(op)) {
      RECAST_ASSIGN(TensorDecl made, exportTensor(tensor));
      out.push_back({std::move(made)});
    } else if (auto group = dyn_cast<ckpt::GroupOp>(op)) {
      GroupDecl made;
      made.loc = placeOf(op.getLoc());
      RECAST_ASSIGN(made.name, identifier(group.getName(), op.getLoc()));
      RECAST_ASSIGN(made.index, identifier(group.getIndex(), op.getLoc()));
      made.below = attrToExpr(group.getBelow());
      RECAST_ASSIGN(made.items, exportItems(group.getBody().front()));
      out.push_back({std::move(made)});
    }
  }
  return out;
}

} // namespace

Result<std::vector<Path>> exportPaths(std::optional<ArrayAttr> paths, mlir::Location loc) {
  std::vector<Path> out;
  if (paths && *paths)
    for (auto attr : paths->getAsRange<ckpt::PathAttr>()) {
      RECAST_ASSIGN(Path made, exportPath(attr, loc));
      out.push_back(std::move(made));
    }
  return out;
}

Result<Model> exportModel(ckpt::ModelOp op) {
  Model out;
  out.loc = placeOf(op.getLoc());
  RECAST_ASSIGN(out.name, identifier(op.getSymName(), op.getLoc()));
  RECAST_ASSIGN(out.params, identifiers(op.getParams(), op.getLoc()));
  Block &block = op.getBody().front();
  for (auto dim : block.getOps<ckpt::DimOp>()) {
    RECAST_ASSIGN(std::string name, identifier(dim.getName(), dim.getLoc()));
    out.dims.push_back({std::move(name), attrToExpr(dim.getSize())});
  }
  RECAST_ASSIGN(out.items, exportItems(block));
  return out;
}

Result<View> exportView(ckpt::ViewOp op) {
  View out;
  out.loc = placeOf(op.getLoc());
  RECAST_ASSIGN(out.name, identifier(op.getSymName(), op.getLoc()));
  RECAST_ASSIGN(out.model, identifier(op.getModel(), op.getLoc()));
  RECAST_ASSIGN(out.over, identifiers(op.getOver(), op.getLoc()));
  for (auto rule : op.getBody().front().getOps<ckpt::RuleOp>()) {
    ViewRule &made = out.rules.emplace_back();
    made.loc = placeOf(rule.getLoc());
    RECAST_ASSIGN(made.path, exportPath(rule.getPath(), rule.getLoc()));
    made.stored = rule.getStored().str();
    made.map = rule.getMap().value_or("").str();
    for (Attribute step : rule.getSteps().value_or(ArrayAttr::get(op.getContext(), {}))) {
      if (auto pad = dyn_cast<ckpt::PadToAttr>(step)) {
        made.steps.push_back({{}, PadStep{pad.getAxis().str(), attrToExpr(pad.getMultiple())}});
        continue;
      }
      RECAST_ASSIGN(LayoutStep known, exportStep(step));
      made.steps.push_back(std::move(known));
    }
    made.condition = exprOf(rule.getCondition());
  }
  for (auto ignore : op.getBody().front().getOps<ckpt::IgnoreOp>())
    out.ignores.push_back({ignore.getNames().str(), placeOf(ignore.getLoc())});
  return out;
}

} // namespace recast::lang
