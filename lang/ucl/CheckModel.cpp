// Models: names, dimensions, axes, ties. What needs sizes is proved when a job is bound.
#include "lang/ucl/CheckImpl.h"

#include <fmt/format.h>

namespace recast::lang {

/// Expressions of a model: arithmetic and conditions over dimensions, parameters and indices.
void Checker::checkModelExpr(const ExprPtr &expr, Location at, bool isCondition,
                             const std::vector<std::string> &known) {
  if (expressible(expr, at, isCondition))
    checkModelNames(*expr, known);
}

void Checker::checkModelNames(const Expr &expr, const std::vector<std::string> &known) {
  switch (expr.kind) {
  case Expr::Kind::Call:
    report(expr.loc, fmt::format("there is no function `{}` in a model", expr.text));
    return;
  case Expr::Kind::Name:
    if (std::find(known.begin(), known.end(), expr.text) == known.end())
      report(expr.loc, fmt::format("`{}` is no dimension, parameter or index of this model{}",
                                   expr.text, didYouMean(expr.text, known)));
    return;
  case Expr::Kind::Tuple:
    report(expr.loc, "a model computes with numbers, not with lists");
    return;
  case Expr::Kind::Member: // `c.num_heads`: what the fields are, the configuration says.
  case Expr::Kind::Binary:
    for (const ExprPtr &operand : expr.operands)
      checkModelNames(*operand, known);
    return;
  default:
    return;
  }
}

void Checker::checkModel(const Model &model) {
  checkName(model.loc, model.name, "a model");
  if (spec_.model(model.name) != &model || spec_.let(model.name) || spec_.endpoint(model.name) ||
      model.name == "config")
    reportWord(model.loc, model.name,
               fmt::format("there is something called `{}` already", model.name));
  constexpr size_t kMaxNames = 1000;
  if (model.params.size() + model.dims.size() > kMaxNames)
    return report(model.loc,
                  fmt::format("the model `{}` has more than {} parameters and dimensions",
                              model.name, kMaxNames));
  std::vector<std::string> names = model.params;
  for (const Dim &dim : model.dims)
    names.push_back(dim.name);
  for (const std::string &name : names)
    checkName(model.loc, name, "a parameter or dimension");
  checkTwice(model.loc, names, "among the parameters and dimensions");
  for (const Dim &dim : model.dims)
    checkModelExpr(dim.size, dim.size ? dim.size->loc : model.loc, false, names);
  std::vector<std::string> dims;
  for (const Dim &dim : model.dims)
    dims.push_back(dim.name);
  std::vector<ModelTensor> tensors = tensorsOf(model);
  if (tensors.size() > kMaxTensorDecls)
    return report(model.loc, fmt::format("the model `{}` declares more than {} tensors; write "
                                         "groups, as in `layer[l < L] {{ .. }}`",
                                         model.name, kMaxTensorDecls));
  if (model.items.empty())
    report(model.loc, fmt::format("the model `{}` has no tensors", model.name));
  checkModelItems(tensors, model.items, names, dims);
}

void Checker::checkModelItems(const std::vector<ModelTensor> &tensors,
                              const std::vector<ModelItem> &items, std::vector<std::string> &known,
                              const std::vector<std::string> &dims) {
  std::set<std::string> seen;
  for (const ModelItem &item : items) {
    const auto *group = std::get_if<GroupDecl>(&item.node);
    const auto *tensor = std::get_if<TensorDecl>(&item.node);
    const std::string &name = group ? group->name : tensor->name;
    Location loc = group ? group->loc : tensor->loc;
    if (checkName(loc, name, "a tensor or group") &&
        (name == "if" || name == "when" || name == "and" || name == "in" ||
         (group && name == "tied")))
      report(loc, fmt::format("`{}` cannot name a tensor or group: it is a word of what may stand "
                              "before it",
                              name));
    if (!seen.insert(name).second)
      report(loc, fmt::format("`{}` stands twice in this model", name));
    if (group) {
      checkModelExpr(group->below, loc, false, known);
      if (checkName(loc, group->index, "an index") &&
          std::find(known.begin(), known.end(), group->index) != known.end())
        reportWord(loc, group->index,
                   fmt::format("the index `{}` is called like a dimension, a parameter or an "
                               "index around it",
                               group->index));
      if (group->items.empty())
        report(loc, fmt::format("the group `{}` has no tensors", name));
      known.push_back(group->index);
      checkModelItems(tensors, group->items, known, dims);
      known.pop_back();
      continue;
    }
    std::set<std::string> axes;
    for (const auto &axis : tensor->axes)
      for (const std::string &factor : axis) {
        if (std::find(dims.begin(), dims.end(), factor) == dims.end())
          reportWord(
              loc, factor,
              fmt::format("`{}` is no dimension of the model{}", factor, didYouMean(factor, dims)));
        else if (!axes.insert(factor).second)
          reportWord(loc, factor,
                     fmt::format("`{}` has the axis `{}` twice; give one of them a dimension of "
                                 "its own",
                                 name, factor),
                     2);
      }
    if (tensor->tied) {
      size_t matches = 0;
      for (const ModelTensor &other : tensors)
        matches += other.matches(*tensor->tied) && other.decl != tensor;
      if (matches != 1)
        report(tensor->tied->loc.line ? tensor->tied->loc : loc,
               fmt::format("`{}` is no other tensor of this model", tensor->tied->str()));
    }
    if (tensor->when)
      checkModelExpr(tensor->when, loc, true, known);
    if (tensor->when && !tensor->tied)
      report(loc, "`when` says when a tensor is tied; whether it exists says `if`");
    if (tensor->condition)
      checkModelExpr(tensor->condition, loc, true, known);
  }
}

} // namespace recast::lang
