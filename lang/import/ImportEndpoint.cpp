#include "lang/import/Importer.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {

Result<Attribute> Importer::step(const Spec &scope, const LayoutStep &step) {
  SmallVector<StringAttr> axes, by;
  Attribute attr;
  if (const auto *pad = std::get_if<PadStep>(&step.step)) {
    RECAST_ASSIGN(ExprPtr multiple, folded(scope, pad->multiple, step.loc));
    if (multiple->kind != Expr::Kind::Int)
      return failAt(multiple->loc.line ? multiple->loc : step.loc,
                    "axes are padded to a multiple of a whole number");
    attr = checked<ckpt::PadAttr>(step.loc, StringRef(pad->axis), multiple->integer);
  } else if (const auto *split = std::get_if<SplitStep>(&step.step)) {
    auto rule = ckpt::symbolizeSplitRule(split->rule.empty() ? "even" : split->rule);
    if (!rule)
      return failAt(step.loc, fmt::format("no split rule is called `{}`", split->rule));
    for (const std::string &axis : split->axes)
      axes.push_back(builder_.getStringAttr(axis));
    for (const std::string &axis : split->by)
      by.push_back(builder_.getStringAttr(axis));
    attr = checked<ckpt::SplitAttr>(step.loc, ArrayRef<StringAttr>(axes), ArrayRef<StringAttr>(by),
                                    *rule, ArrayRef(split->widths));
  } else if (const auto *chunk = std::get_if<ChunkStep>(&step.step)) {
    attr = checked<ckpt::ChunkAttr>(step.loc, chunk->dim, StringRef(chunk->by));
  } else if (const auto *stage = std::get_if<StageStep>(&step.step)) {
    attr = checked<ckpt::StageAttr>(step.loc, StringRef(stage->by), ArrayRef(stage->at));
  } else if (const auto *varying = std::get_if<VaryingStep>(&step.step)) {
    attr = checked<ckpt::VaryingAttr>(step.loc, StringRef(varying->by));
  } else {
    const auto &flat = std::get<FlatStep>(step.step);
    auto scopeOf = ckpt::symbolizeFlatScope(flat.per);
    if (!scopeOf)
      return failAt(step.loc, fmt::format("`flat` is per param or per group, not `{}`", flat.per));
    attr = checked<ckpt::FlatAttr>(step.loc, StringRef(flat.by), *scopeOf);
  }
  if (!attr)
    return failSaid(step.loc);
  return attr;
}

Status Importer::endpoint(const Endpoint &endpoint) {
  if (!symbols_.insert(endpoint.name).second)
    return failAt(endpoint.loc, fmt::format("`{}` is declared twice", endpoint.name));
  SmallVector<Attribute> args;
  for (const Arg &arg : endpoint.args) {
    RECAST_ASSIGN(Attribute value, constant(arg.value, endpoint.loc));
    args.push_back(arg.name.empty() ? value : ckpt::ArgAttr::get(&context_, arg.name, value));
  }
  // Inside layout steps the axes of the mesh stand for their sizes.
  Spec scope;
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> sizes;
  for (const auto &[axis, size] : endpoint.mesh) {
    Expr value;
    value.integer = size;
    scope.lets.emplace_back(axis, std::make_shared<const Expr>(std::move(value)));
    axes.push_back(builder_.getStringAttr(axis));
    sizes.push_back(size);
  }
  scope.lets.insert(scope.lets.end(), spec_.lets.begin(), spec_.lets.end());
  ckpt::MeshAttr mesh;
  if (!axes.empty()) {
    mesh =
        checked<ckpt::MeshAttr>(endpoint.loc, ArrayRef<StringAttr>(axes), ArrayRef<int64_t>(sizes));
    if (!mesh)
      return failSaid(endpoint.loc);
  }
  SmallVector<Attribute> same;
  for (const SameRule &rule : endpoint.same) {
    SmallVector<Attribute> steps;
    for (const LayoutStep &written : rule.steps) {
      RECAST_ASSIGN(Attribute attr, step(scope, written));
      steps.push_back(attr);
    }
    auto attr = checked<ckpt::SameAttr>(rule.names.loc, StringRef(rule.names.text),
                                        builder_.getArrayAttr(steps));
    if (!attr)
      return failSaid(rule.names.loc);
    same.push_back(attr);
  }
  auto name = builder_.getStringAttr(endpoint.name),
       format = builder_.getStringAttr(endpoint.format);
  auto argList = builder_.getArrayAttr(args);
  ArrayAttr rules = same.empty() ? ArrayAttr() : builder_.getArrayAttr(same);
  FlatSymbolRefAttr view;
  Attribute model;
  if (!endpoint.view.empty()) {
    view = FlatSymbolRefAttr::get(&context_, endpoint.view);
    RECAST_ASSIGN(model, condition(endpoint.model, endpoint.loc));
  }
  FlatSymbolRefAttr stages;
  if (!endpoint.stages.empty())
    stages = FlatSymbolRefAttr::get(&context_, endpoint.stages);
  if (endpoint.isTarget)
    ckpt::TargetOp::create(builder_, at(endpoint.loc), name, format, argList, rules, view, model,
                           mesh, strings(endpoint.replicated), stages);
  else
    ckpt::SourceOp::create(builder_, at(endpoint.loc), name, format, argList, rules, view, model,
                           mesh, strings(endpoint.replicated), stages);
  return {};
}

} // namespace recast::lang
