#include "lang/import/Importer.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {

Result<Attribute> Importer::constantCall(const ExprPtr &expr, Location where) {
  if (!expr || expr->kind != Expr::Kind::Call)
    return constant(expr, where);
  Expr call = *expr;
  for (Arg &arg : call.args) {
    RECAST_ASSIGN(arg.value, folded(spec_, arg.value, where));
  }
  return condition(std::make_shared<const Expr>(std::move(call)), where);
}

Status Importer::pipeline(const Pipeline &pipeline) {
  if (!symbols_.insert(pipeline.name).second)
    return failAt(pipeline.loc, fmt::format("`{}` is declared twice", pipeline.name));
  SmallVector<Attribute> args, rules;
  for (const Arg &attribute : pipeline.attributes) {
    RECAST_ASSIGN(Attribute value, constantCall(attribute.value, pipeline.loc));
    args.push_back(ckpt::ArgAttr::get(&context_, attribute.name, value));
  }
  for (const AssignRule &rule : pipeline.assign) {
    Expr how;
    how.kind = rule.how.args.empty() ? Expr::Kind::Name : Expr::Kind::Call;
    how.text = rule.how.name;
    how.args = rule.how.args;
    RECAST_ASSIGN(Attribute value, constantCall(std::make_shared<const Expr>(how), rule.loc));
    RECAST_ASSIGN(ArrayAttr in, paths(rule.paths, rule.loc));
    ArrayAttr names = globs(rule.names), none = builder_.getArrayAttr({});
    auto attr = checked<pipe::AssignAttr>(rule.loc, names ? names : none, in ? in : none, value);
    if (!attr)
      return failSaid(rule.loc);
    rules.push_back(attr);
  }
  pipe::ScheduleOp::create(builder_, at(pipeline.loc), builder_.getStringAttr(pipeline.name),
                           builder_.getArrayAttr(args),
                           rules.empty() ? ArrayAttr() : builder_.getArrayAttr(rules));
  return {};
}

} // namespace recast::lang
