#include "Replay.h"

#include <map>

namespace recast::lang::test {
namespace {

Value said(const ExprPtr &expr);

std::vector<Arg> said(const std::vector<Arg> &args) {
  std::vector<Arg> out;
  for (const Arg &one : args)
    out.push_back(one.name.empty() ? arg(said(one.value)) : arg(one.name, said(one.value)));
  return out;
}

Value saidBinary(const Expr &expr) {
  Value a = said(expr.operands[0]), b = said(expr.operands[1]);
  using Make = Value (*)(const Value &, const Value &);
  static const std::map<std::string, Make> kOperators = {
      {"+", operator+ },
       {"-", operator- },
        {"*", operator* },
         {"/", operator/ },
          {"<", operator<},
           {"<=", operator<= },
            {">", operator> },
             {">=", operator>= }, {"==", operator== }, {"!=", operator!= }, {"and", operator&& } };
  return expr.text == "??" ? a.orElse(b) : kOperators.at(expr.text)(a, b);
}

Value said(const ExprPtr &expr) {
  switch (expr->kind) {
  case Expr::Kind::Int:
    return Value(expr->integer);
  case Expr::Kind::Float:
    return Value(expr->real);
  case Expr::Kind::Size:
    return bytes(static_cast<uint64_t>(expr->integer));
  case Expr::Kind::String:
    return Value(expr->text);
  case Expr::Kind::Bool:
    return Value(expr->integer != 0);
  case Expr::Kind::Name:
    return name(expr->text);
  case Expr::Kind::Call:
    return callOf(expr->text, said(expr->args));
  case Expr::Kind::Member:
    return said(expr->operands[0])[expr->text];
  case Expr::Kind::Tuple:
    return tuple(said(expr->args));
  case Expr::Kind::Binary:
    return saidBinary(*expr);
  }
  return Value(0);
}

LayoutStep said(const LayoutStep &step) {
  if (auto *made = std::get_if<PadStep>(&step.step))
    return pad(made->axis, said(made->multiple));
  if (auto *made = std::get_if<SplitStep>(&step.step))
    return made->rule == "widths" ? splitWidths(made->axes, made->by, made->widths)
                                  : split(made->axes, made->by, made->rule);
  if (auto *made = std::get_if<ChunkStep>(&step.step))
    return chunk(made->dim, made->by);
  if (auto *made = std::get_if<StageStep>(&step.step))
    return stage(made->by, made->at);
  if (auto *made = std::get_if<VaryingStep>(&step.step))
    return varying(made->by);
  auto &made = std::get<FlatStep>(step.step);
  return flat(made.by, made.per);
}

std::vector<std::string> texts(const std::vector<Glob> &globs) {
  std::vector<std::string> out;
  for (const Glob &glob : globs)
    out.push_back(glob.text);
  return out;
}
std::vector<std::string> texts(const std::vector<Path> &paths) {
  std::vector<std::string> out;
  for (const Path &path : paths)
    out.push_back(path.str());
  return out;
}

void say(const std::vector<ModelItem> &items, ModelScope &scope) {
  for (const ModelItem &item : items) {
    if (auto *group = std::get_if<GroupDecl>(&item.node)) {
      ModelScope inner = scope.group(group->name, group->index, said(group->below));
      say(group->items, inner);
      continue;
    }
    const auto &decl = std::get<TensorDecl>(item.node);
    std::vector<std::string> axes;
    for (const auto &factors : decl.axes) {
      std::string &axis = axes.emplace_back();
      for (const std::string &factor : factors)
        axis += (axis.empty() ? "" : " ") + factor;
    }
    auto tensor = scope.tensor(decl.name, axes);
    if (decl.tied && decl.when)
      tensor.tiedWhen(decl.tied->str(), said(decl.when));
    else if (decl.tied)
      tensor.tied(decl.tied->str());
    if (decl.condition)
      tensor.onlyIf(said(decl.condition));
  }
}

void say(const View &view, SpecBuilder &builder) {
  ViewRef made = builder.view(view.name, view.model);
  if (!view.over.empty())
    made.over(view.over);
  for (const ViewRule &rule : view.rules) {
    RuleRef ref = made.rule(rule.path.str(), rule.stored);
    if (!rule.map.empty())
      ref.map(rule.map);
    for (const LayoutStep &step : rule.steps)
      ref.step(said(step));
    if (rule.condition)
      ref.onlyIf(said(rule.condition));
  }
  for (const Glob &glob : view.ignores)
    made.ignore(glob.text);
}

EndpointRef say(const Endpoint &endpoint, SpecBuilder &builder) {
  Format format{endpoint.format, said(endpoint.args)};
  EndpointRef made = endpoint.isTarget ? builder.target(endpoint.name, std::move(format))
                                       : builder.source(endpoint.name, std::move(format));
  for (const SameRule &rule : endpoint.same) {
    std::vector<LayoutStep> steps;
    for (const LayoutStep &step : rule.steps)
      steps.push_back(said(step));
    made.same(rule.names.text, std::move(steps));
  }
  if (!endpoint.view.empty())
    made.as(endpoint.view, said(endpoint.model));
  if (!endpoint.mesh.empty())
    made.on(endpoint.mesh);
  if (!endpoint.replicated.empty())
    made.replicated(endpoint.replicated);
  if (!endpoint.stages.empty())
    made.stages(endpoint.stages);
  return made;
}

Chain said(const std::vector<Operation> &operations) {
  Chain out;
  for (const Operation &one : operations)
    out = out | operation(one.name, said(one.args));
  return out;
}

/// A statement that may stand in a job and in a `for`.
void say(const Statement &statement, Scope &scope) {
  if (auto *role = std::get_if<RoleStatement>(&statement.node)) {
    auto left = role->selection.isElse ? scope.elseRoles() : scope.roles(role->selection.roles);
    std::move(left).in(texts(role->selection.in)).at(texts(role->selection.paths)) =
        said(role->chain);
  } else if (auto *drop = std::get_if<DropStatement>(&statement.node)) {
    if (drop->selection.isElse)
      scope.dropElse();
    else
      scope.drop(drop->selection.roles, texts(drop->selection.in), texts(drop->selection.paths));
  } else if (auto *block = std::get_if<ObjectsStatement>(&statement.node)) {
    Objects objects = scope.objects();
    for (const ObjectRule &rule : block->rules) {
      std::vector<std::string> keys;
      for (const Ref &key : rule.keys)
        keys.push_back(key.str());
      if (rule.isElse)
        objects.elseRule(said({rule.policy}));
      else
        objects.rule(keys, said({rule.policy}));
    }
  } else if (auto *files = std::get_if<FilesStatement>(&statement.node)) {
    scope.files(texts(files->names), said(files->from));
  } else if (auto *expect = std::get_if<ExpectStatement>(&statement.node)) {
    scope.expect(said(expect->condition));
  } else if (auto *check = std::get_if<CheckStatement>(&statement.node)) {
    scope.check(said(check->condition), check->otherwise);
  } else if (auto *only = std::get_if<OnlyStatement>(&statement.node)) {
    scope.only(texts(only->in), texts(only->paths));
  } else if (auto *init = std::get_if<InitStatement>(&statement.node)) {
    scope.init(init->selection.roles, said({init->value}), texts(init->selection.in),
               texts(init->selection.paths));
  }
}

} // namespace

void replay(const Spec &spec, SpecBuilder &builder) {
  for (const Use &use : spec.uses)
    builder.use(use.path);
  for (const auto &[name, value] : spec.lets)
    builder.let(name, said(value));
  for (const Model &model : spec.models) {
    ModelRef made = builder.model(model.name, model.params);
    for (const Dim &dim : model.dims)
      made.dim(dim.name, said(dim.size));
    say(model.items, made);
  }
  for (const View &view : spec.views)
    say(view, builder);
  for (const Pipeline &pipeline : spec.pipelines) {
    PipelineRef made = builder.pipeline(pipeline.name);
    for (const Arg &attribute : pipeline.attributes)
      made.set(attribute.name, said(attribute.value));
    for (const AssignRule &rule : pipeline.assign)
      made.assign(said({rule.how}), texts(rule.names), texts(rule.paths));
  }
  std::map<std::string, EndpointRef> endpoints;
  for (const Endpoint &endpoint : spec.endpoints)
    endpoints.emplace(endpoint.name, say(endpoint, builder));
  for (const Job &job : spec.jobs) {
    std::vector<EndpointRef> targets;
    for (const std::string &target : job.targets)
      targets.push_back(endpoints.at(target));
    const EndpointRef &source = endpoints.at(job.source);
    JobRef made =
        job.verb == "restore" ? builder.restore(source, targets) : builder.convert(source, targets);
    for (const Statement &statement : job.body) {
      if (auto *block = std::get_if<ForStatement>(&statement.node)) {
        Scope scope = made.forTargets(block->targets);
        for (const Statement &inner : block->body)
          say(inner, scope);
      } else if (auto *budget = std::get_if<BudgetStatement>(&statement.node)) {
        made.budget(budget->bytes);
      } else if (auto *deadline = std::get_if<DeadlineStatement>(&statement.node)) {
        made.deadline(deadline->pipeline);
      } else {
        say(statement, made);
      }
    }
  }
}

} // namespace recast::lang::test
