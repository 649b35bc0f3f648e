// Models and views: declarations, so nothing is computed; names in expressions stay words.
#include "lang/import/ExprAttr.h"
#include "lang/import/Importer.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {

Result<Attribute> Importer::unfolded(const ExprPtr &expr, Location where) {
  auto attr = exprToAttr(context_, expr);
  if (!attr)
    return failAt(expr && expr->loc.line ? expr->loc : where, attr.error().message());
  return attr;
}

Result<Attribute> Importer::optional(const ExprPtr &expr, Location where) {
  return expr ? unfolded(expr, where) : Result<Attribute>(Attribute());
}

Result<ckpt::PathAttr> Importer::path(const Path &path, Location where) {
  where = path.loc.line ? path.loc : where;
  SmallVector<ckpt::SegmentAttr> segments;
  auto text = [&](const std::string &word) {
    return word.empty() ? StringAttr() : builder_.getStringAttr(word);
  };
  for (const PathSegment &segment : path.segments) {
    auto attr = checked<ckpt::SegmentAttr>(where, text(segment.name), text(segment.index),
                                           strings(segment.members));
    if (!attr)
      return failSaid(where);
    segments.push_back(attr);
  }
  auto attr = checked<ckpt::PathAttr>(where, ArrayRef<ckpt::SegmentAttr>(segments));
  if (!attr)
    return failSaid(where);
  return attr;
}

Result<ArrayAttr> Importer::paths(const std::vector<Path> &written, Location where) {
  SmallVector<Attribute> out;
  for (const Path &one : written) {
    RECAST_ASSIGN(ckpt::PathAttr attr, path(one, where));
    out.push_back(attr);
  }
  return out.empty() ? ArrayAttr() : builder_.getArrayAttr(out);
}

Status Importer::items(const std::vector<ModelItem> &items) {
  for (const ModelItem &item : items) {
    if (const auto *group = std::get_if<GroupDecl>(&item.node)) {
      RECAST_ASSIGN(Attribute below, unfolded(group->below, group->loc));
      auto op = ckpt::GroupOp::create(builder_, at(group->loc), builder_.getStringAttr(group->name),
                                      builder_.getStringAttr(group->index), below);
      OpBuilder::InsertionGuard guard(builder_);
      builder_.createBlock(&op.getBody());
      RECAST_TRY(this->items(group->items));
      continue;
    }
    const auto &tensor = std::get<TensorDecl>(item.node);
    std::vector<std::string> axes;
    for (const auto &axis : tensor.axes)
      axes.push_back(llvm::join(axis, " "));
    ckpt::PathAttr tied;
    if (tensor.tied) {
      RECAST_ASSIGN(tied, path(*tensor.tied, tensor.loc));
    }
    RECAST_ASSIGN(Attribute when, optional(tensor.when, tensor.loc));
    RECAST_ASSIGN(Attribute condition, optional(tensor.condition, tensor.loc));
    SmallVector<StringRef> texts(axes.begin(), axes.end());
    ckpt::TensorOp::create(builder_, at(tensor.loc), builder_.getStringAttr(tensor.name),
                           builder_.getStrArrayAttr(texts), tied, when, condition);
  }
  return {};
}

Status Importer::model(const Model &model) {
  file_ = model.file.empty() ? spec_.file : model.file;
  llvm::scope_exit restore([this] { file_ = spec_.file; });
  if (!symbols_.insert(model.name).second)
    return failAt(model.loc, "`" + model.name + "` is declared twice");
  SmallVector<StringRef> params(model.params.begin(), model.params.end());
  auto op = ckpt::ModelOp::create(builder_, at(model.loc), builder_.getStringAttr(model.name),
                                  builder_.getStrArrayAttr(params));
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&op.getBody());
  for (const Dim &dim : model.dims) {
    RECAST_ASSIGN(Attribute size, unfolded(dim.size, model.loc));
    Location loc = dim.size && dim.size->loc.line ? dim.size->loc : model.loc;
    ckpt::DimOp::create(builder_, at(loc), builder_.getStringAttr(dim.name), size);
  }
  return items(model.items);
}

Status Importer::rule(const ViewRule &rule) {
  RECAST_ASSIGN(ckpt::PathAttr where, path(rule.path, rule.loc));
  SmallVector<Attribute> steps;
  for (const LayoutStep &written : rule.steps) {
    const auto *pad = std::get_if<PadStep>(&written.step);
    if (pad && pad->multiple && pad->multiple->kind != Expr::Kind::Int) {
      RECAST_ASSIGN(Attribute multiple, unfolded(pad->multiple, written.loc));
      auto attr = checked<ckpt::PadToAttr>(written.loc, StringRef(pad->axis), multiple);
      if (!attr)
        return failSaid(written.loc);
      steps.push_back(attr);
      continue;
    }
    RECAST_ASSIGN(Attribute attr, step({}, written));
    steps.push_back(attr);
  }
  RECAST_ASSIGN(Attribute condition, optional(rule.condition, rule.loc));
  ckpt::RuleOp::create(builder_, at(rule.loc), where, builder_.getStringAttr(rule.stored),
                       rule.map.empty() ? StringAttr() : builder_.getStringAttr(rule.map),
                       steps.empty() ? ArrayAttr() : builder_.getArrayAttr(steps), condition);
  return {};
}

Status Importer::view(const View &view) {
  file_ = view.file.empty() ? spec_.file : view.file;
  llvm::scope_exit restore([this] { file_ = spec_.file; });
  if (!symbols_.insert(view.name).second)
    return failAt(view.loc, "`" + view.name + "` is declared twice");
  SmallVector<StringRef> over(view.over.begin(), view.over.end());
  auto op = ckpt::ViewOp::create(builder_, at(view.loc), builder_.getStringAttr(view.name),
                                 FlatSymbolRefAttr::get(&context_, view.model),
                                 builder_.getStrArrayAttr(over));
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&op.getBody());
  for (const ViewRule &written : view.rules)
    RECAST_TRY(rule(written));
  for (const Glob &glob : view.ignores)
    ckpt::IgnoreOp::create(builder_, at(glob.loc), builder_.getStringAttr(glob.text));
  return {};
}

} // namespace recast::lang
