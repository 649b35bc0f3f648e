// What endpoints are `as`: views, models applied to their arguments, and paths that name tensors of
// them.
#include "lang/ucl/CheckImpl.h"

#include <fmt/format.h>

namespace recast::lang {

void Checker::checkModels() {
  // What was brought in by `use` has been checked with its own text.
  for (const Model &model : spec_.models)
    if (model.file.empty())
      checkModel(model);
  for (const View &view : spec_.views)
    if (view.file.empty())
      checkView(view);
}

bool Checker::isDeferred(const Expr &expr, unsigned depth) const {
  if (depth > 64)
    return false; // A let that leads back to itself; `constant` says so.
  if (expr.kind == Expr::Kind::Call || expr.kind == Expr::Kind::Member)
    return true;
  if (expr.kind == Expr::Kind::Name) { // A chain of names; sums of lets could double at each step.
    const ExprPtr *value = spec_.let(expr.text);
    return value && *value && (*value)->kind != Expr::Kind::Binary &&
           (*value)->kind != Expr::Kind::Tuple && isDeferred(**value, depth + 1);
  }
  auto deferred = [&](const ExprPtr &inner) { return inner && isDeferred(*inner, depth + 1); };
  return std::any_of(expr.operands.begin(), expr.operands.end(), deferred) ||
         std::any_of(expr.args.begin(), expr.args.end(),
                     [&](const Arg &arg) { return deferred(arg.value); });
}

void Checker::checkDeferred(const ExprPtr &expr, Location at, unsigned depth) {
  if (depth == 0 && !expressible(expr, at, false))
    return;
  at = expr->loc.line ? expr->loc : at;
  if (expr->kind == Expr::Kind::Call) {
    if (spec_.model(expr->text))
      modelOf(expr, at, depth);
    else if (expr->text != "config")
      report(at, fmt::format("there is no function `{}`; there are `config` and the models",
                             expr->text));
    else if (expr->args.size() != 1 || !expr->args[0].name.empty())
      report(at, "`config` takes the name of one JSON file");
    else
      textOf(expr->args[0].value, at, "the file of `config`");
    return;
  }
  if (depth > 256)
    return report(at, "this value is nested too deeply");
  for (const ExprPtr &operand : expr->operands)
    checkDeferred(operand, at, depth + 1);
  for (const Arg &arg : expr->args)
    checkDeferred(arg.value, at, depth + 1);
}

const Model *Checker::modelOf(const ExprPtr &expr, Location at, unsigned depth) {
  at = expr && expr->loc.line ? expr->loc : at;
  std::vector<std::string> known;
  for (const Model &model : spec_.models)
    known.push_back(model.name);
  if (depth > 64 || !expr || (expr->kind != Expr::Kind::Name && expr->kind != Expr::Kind::Call)) {
    report(at, "this is no model; write one with its arguments, as in `llama(config(\"..\"))`");
    return nullptr;
  }
  if (expr->kind == Expr::Kind::Name) {
    if (const ExprPtr *value = spec_.let(expr->text))
      return modelOf(*value, at, depth + 1);
    report(at,
           fmt::format("nothing is called `{}`{}", expr->text, didYouMean(expr->text, letNames())));
    return nullptr;
  }
  const Model *model = spec_.model(expr->text);
  if (!model) {
    report(at, fmt::format("there is no model `{}`{}", expr->text, didYouMean(expr->text, known)));
    return nullptr;
  }
  if (expr->args.size() != model->params.size())
    report(at, fmt::format("the model `{}` takes {} arguments, not {}", model->name,
                           model->params.size(), expr->args.size()));
  for (const Arg &arg : expr->args) {
    if (!arg.name.empty())
      report(at, "arguments of a model have no names");
    if (arg.value && isDeferred(*arg.value))
      checkDeferred(arg.value, at, depth + 1);
    else if (arg.value && arg.value->kind == Expr::Kind::Name && spec_.let(arg.value->text))
      checkDeferred(*spec_.let(arg.value->text), at, depth + 1);
    else
      constant(arg.value, at);
  }
  return model;
}

void Checker::checkHow(const Endpoint &endpoint) {
  if (endpoint.view.empty())
    return;
  const View *view = spec_.view(endpoint.view);
  if (!view) {
    std::vector<std::string> known{"same"};
    for (const View &candidate : spec_.views)
      known.push_back(candidate.name);
    return reportWord(
        endpoint.loc, endpoint.view,
        fmt::format("there is no view `{}`{}", endpoint.view, didYouMean(endpoint.view, known)));
  }
  if (!expressible(endpoint.model, endpoint.loc, false))
    return;
  const Model *model = modelOf(endpoint.model, endpoint.loc);
  if (model && model->name != view->model)
    report(endpoint.loc, fmt::format("`{}` is a view of `{}`, not of `{}`", view->name, view->model,
                                     model->name));
  for (const std::string &axis : view->over)
    if (!endpoint.mesh.empty() &&
        std::none_of(endpoint.mesh.begin(), endpoint.mesh.end(),
                     [&](const auto &known) { return known.first == axis; }))
      reportWord(endpoint.loc, endpoint.view,
                 fmt::format("the view `{}` cuts over `{}`, which is no axis of the mesh",
                             view->name, axis));
}

void Checker::checkPaths(const Job &job, const std::vector<Path> &paths, Location at) {
  if (paths.empty())
    return;
  std::set<const Model *> models;
  std::vector<std::string> ends = job.targets;
  ends.push_back(job.source);
  for (const std::string &name : ends)
    if (const Endpoint *endpoint = spec_.endpoint(name))
      if (const View *view = spec_.view(endpoint->view))
        if (const Model *model = spec_.model(view->model))
          models.insert(model);
  if (models.empty())
    return report(paths[0].loc.line ? paths[0].loc : at,
                  "paths need a model: this job's ends are `as same`; write a name pattern in "
                  "quotes");
  std::vector<ModelTensor> tensors;
  std::vector<std::string> known;
  for (const Model *model : models)
    for (const ModelTensor &tensor : tensorsOf(*model)) {
      tensors.push_back(tensor);
      known.push_back(tensor.str());
    }
  size_t count = 0;
  for (const Path &path : paths) {
    Location loc = path.loc.line ? path.loc : at;
    if (isFull() || !checkPathCount(path, loc))
      return;
    if ((count += pathCount(path)) > kMaxPathCount)
      return report(loc, fmt::format("more than {} tensors in one list", kMaxPathCount));
    for (const std::vector<Path> &pack : expand(path))
      for (const Path &one : pack)
        if (!isFull() &&
            std::none_of(tensors.begin(), tensors.end(),
                         [&](const ModelTensor &tensor) { return tensor.matches(one); }))
          report(loc, fmt::format("no model of this job has a tensor `{}`{}", one.str(),
                                  didYouMean(one.str(), known)));
  }
}

} // namespace recast::lang
