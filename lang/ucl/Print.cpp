// AST to text, token by token; lines are laid out afterwards by formatText.
#include "lang/ucl/Format.h"
#include "lang/ucl/Lexer.h"

#include <fmt/format.h>

namespace recast::lang {
namespace {
using Kind = Expr::Kind;

/// How tightly an operator binds; operands of a looser one need parentheses.
int bindingOf(const Expr &expr) {
  if (expr.kind != Kind::Binary)
    return 6;
  if (expr.text == "and")
    return 0;
  if (expr.text == "??")
    return 2;
  if (expr.text == "+" || expr.text == "-")
    return 3;
  return expr.text == "*" || expr.text == "/" ? 4 : 1;
}

class Printer {
public:
  std::string spec(const Spec &spec) {
    for (const Use &use : spec.uses)
      out_ += "use " + spellString(use.path) + '\n';
    for (const auto &[name, value] : spec.lets)
      out_ += fmt::format("let {} = {}\n", name, text(value));
    if (!spec.uses.empty() || !spec.lets.empty())
      out_ += '\n';
    for (const Model &made : spec.models)
      model(made);
    for (const View &made : spec.views)
      view(made);
    for (const Pipeline &made : spec.pipelines)
      pipeline(made);
    for (const Endpoint &made : spec.endpoints)
      endpoint(made);
    for (const Job &made : spec.jobs) {
      if (!spec.endpoints.empty() || &made != &spec.jobs.front())
        out_ += '\n';
      out_ +=
          fmt::format("{} {} -> {} {{\n", made.verb, made.source, fmt::join(made.targets, ", "));
      body(made.body);
      out_ += "}\n";
    }
    return std::move(out_);
  }

  std::string text(const ExprPtr &expr) {
    if (!expr)
      return "?";
    switch (expr->kind) {
    case Kind::Int:
      return std::to_string(expr->integer);
    case Kind::Size:
      return size(expr->text, static_cast<uint64_t>(expr->integer));
    case Kind::Float:
      return real(*expr);
    case Kind::String:
      return spellString(expr->text);
    case Kind::Bool:
      return expr->integer ? "true" : "false";
    case Kind::Name:
      return expr->text;
    case Kind::Call:
      return expr->text + args(expr->args);
    case Kind::Tuple:
      return args(expr->args);
    case Kind::Member:
      return fmt::format("{}.{}", expr->operands.empty() ? "?" : text(expr->operands[0]),
                         expr->text);
    case Kind::Binary:
      break;
    }
    if (expr->operands.size() != 2)
      return "?";
    int binding = bindingOf(*expr);
    return fmt::format("{} {} {}", operand(expr->operands[0], binding), expr->text,
                       operand(expr->operands[1], binding + 1));
  }

private:
  /// `least`: the binding that the operand needs to stand without parentheses.
  std::string operand(const ExprPtr &expr, int least) {
    std::string out = text(expr);
    return expr && bindingOf(*expr) < least ? "(" + out + ")" : out;
  }

  /// The spelling that a literal was given, if it stands for the value that it now has.
  template <typename HasValue>
  static bool isSpelling(const std::string &text, Token::Kind kind, HasValue hasValue) {
    auto list = lex({text, {}});
    return list && list->tokens.size() == 2 && list->tokens[0].kind == kind &&
           list->tokens[0].begin == 0 && list->tokens[0].end == text.size() && hasValue();
  }

  static std::string size(const std::string &text, uint64_t bytes) {
    bool isGood = isSpelling(text, Token::Kind::Size,
                             [&] { return static_cast<uint64_t>(integerOf(text)) == bytes; });
    return isGood ? text : spellSize(bytes);
  }

  static std::string real(const Expr &expr) {
    if (isSpelling(expr.text, Token::Kind::Float, [&] { return realOf(expr.text) == expr.real; }))
      return expr.text;
    std::string out = fmt::format("{}", expr.real);
    return out.find_first_of(".en") == std::string::npos ? out + ".0" : out;
  }

  std::string args(const std::vector<Arg> &args) {
    std::string out = "(";
    for (const Arg &arg : args) {
      if (&arg != &args.front())
        out += ", ";
      if (!arg.name.empty())
        out += arg.name + " = ";
      out += text(arg.value);
    }
    return out + ")";
  }

  static std::string globs(const std::vector<Glob> &globs) {
    std::string out;
    for (const Glob &glob : globs)
      out += (&glob == &globs.front() ? "" : ", ") + spellString(glob.text);
    return out;
  }

  static std::string names(const std::vector<Glob> &patterns, const std::vector<Path> &paths) {
    std::string out = globs(patterns);
    for (const Path &path : paths)
      out += (out.empty() ? "" : ", ") + path.str();
    return out;
  }

  void model(const Model &model) {
    out_ += fmt::format("model {}({}) {{\n", model.name, fmt::join(model.params, ", "));
    for (const Dim &dim : model.dims)
      out_ += fmt::format("{}{} = {}", &dim == &model.dims.front() ? "dims " : ", ", dim.name,
                          text(dim.size));
    out_ += model.dims.empty() ? "" : "\n";
    items(model.items);
    out_ += "}\n\n";
  }

  void items(const std::vector<ModelItem> &items) {
    for (const ModelItem &item : items) {
      if (auto *group = std::get_if<GroupDecl>(&item.node)) {
        out_ += fmt::format("{}[{} < {}] {{\n", group->name, group->index, text(group->below));
        this->items(group->items);
        out_ += "}\n";
        continue;
      }
      const auto &tensor = std::get<TensorDecl>(item.node);
      out_ += tensor.name + " (";
      for (const auto &axis : tensor.axes)
        out_ +=
            fmt::format("{}{}", &axis == &tensor.axes.front() ? "" : ", ", fmt::join(axis, " "));
      out_ += ')';
      if (tensor.tied)
        out_ += " tied " + tensor.tied->str();
      if (tensor.when)
        out_ += " when " + text(tensor.when);
      if (tensor.condition)
        out_ += " if " + text(tensor.condition);
      out_ += '\n';
    }
  }

  void view(const View &view) {
    out_ += fmt::format("view {} of {}", view.name, view.model);
    if (!view.over.empty())
      out_ += fmt::format(" over ({})", fmt::join(view.over, ", "));
    out_ += " {\n";
    for (const ViewRule &rule : view.rules) {
      out_ += rule.path.str() + " = " + spellString(rule.stored);
      if (!rule.map.empty())
        out_ += ": " + spellString(rule.map);
      for (const LayoutStep &made : rule.steps)
        step(made);
      if (rule.condition)
        out_ += " if " + text(rule.condition);
      out_ += '\n';
    }
    for (const Glob &glob : view.ignores)
      out_ += "ignore " + spellString(glob.text) + '\n';
    out_ += "}\n\n";
  }

  void endpoint(const Endpoint &endpoint) {
    out_ += fmt::format("{} {} = {}{} as ", endpoint.isTarget ? "target" : "source", endpoint.name,
                        endpoint.format, args(endpoint.args));
    out_ += endpoint.view.empty() ? "same" : endpoint.view + "(" + text(endpoint.model) + ")";
    if (!endpoint.same.empty()) {
      out_ += " {\n";
      for (const SameRule &rule : endpoint.same) {
        out_ += spellString(rule.names.text);
        for (const LayoutStep &made : rule.steps)
          step(made);
        out_ += '\n';
      }
      out_ += '}';
    }
    if (!endpoint.mesh.empty()) {
      out_ += " on (";
      for (const auto &axis : endpoint.mesh)
        out_ += fmt::format("{}{} = {}", &axis == &endpoint.mesh.front() ? "" : ", ", axis.first,
                            axis.second);
      out_ += ')';
    }
    if (!endpoint.replicated.empty())
      out_ += fmt::format(" replicated {}", fmt::join(endpoint.replicated, ", "));
    if (!endpoint.stages.empty())
      out_ += " stages " + endpoint.stages;
    out_ += '\n';
  }

  void pipeline(const Pipeline &pipeline) {
    out_ += fmt::format("pipeline {} {{\n", pipeline.name);
    for (const Arg &attribute : pipeline.attributes)
      out_ += fmt::format("{} = {}\n", attribute.name, text(attribute.value));
    if (!pipeline.assign.empty())
      out_ += "assign {\n";
    for (const AssignRule &rule : pipeline.assign)
      out_ += names(rule.names, rule.paths) + ": " + call(rule.how) + '\n';
    out_ += pipeline.assign.empty() ? "}\n\n" : "}\n}\n\n";
  }

  void step(const LayoutStep &made) {
    if (auto *pad = std::get_if<PadStep>(&made.step)) {
      out_ += fmt::format(" pad {} to multiple of {}", pad->axis, text(pad->multiple));
    } else if (auto *split = std::get_if<SplitStep>(&made.step)) {
      out_ +=
          fmt::format(" split {} by {}", fmt::join(split->axes, " "), fmt::join(split->by, ", "));
      if (!split->rule.empty())
        out_ += fmt::format(" ({}{}{})", split->rule, split->widths.empty() ? "" : " ",
                            fmt::join(split->widths, " "));
    } else if (auto *chunk = std::get_if<ChunkStep>(&made.step)) {
      out_ += fmt::format(" chunk {} by {}", chunk->dim, chunk->by);
    } else if (auto *flat = std::get_if<FlatStep>(&made.step)) {
      out_ += fmt::format(" flat {} per {}", flat->by, flat->per);
    } else if (auto *stage = std::get_if<StageStep>(&made.step)) {
      out_ += fmt::format(" stage {}{}{}", stage->by, stage->at.empty() ? "" : " at ",
                          fmt::join(stage->at, " "));
    } else if (auto *varying = std::get_if<VaryingStep>(&made.step)) {
      out_ += fmt::format(" varying {}", varying->by);
    }
  }

  std::string selection(const Selection &selection) {
    if (selection.isElse)
      return "else";
    std::string out = fmt::format("{}", fmt::join(selection.roles, ", "));
    std::string in = names(selection.in, selection.paths);
    return in.empty() ? out : out + " in " + in;
  }

  std::string call(const Operation &operation) {
    return operation.args.empty() ? operation.name : operation.name + args(operation.args);
  }

  void body(const std::vector<Statement> &body) {
    for (const Statement &made : body) {
      statement(made);
      out_ += '\n';
    }
  }

  void statement(const Statement &statement) {
    if (auto *role = std::get_if<RoleStatement>(&statement.node)) {
      out_ += selection(role->selection) + ": ";
      for (const Operation &made : role->chain)
        out_ += (&made == &role->chain.front() ? "" : " | ") + call(made);
    } else if (auto *block = std::get_if<ForStatement>(&statement.node)) {
      out_ += fmt::format("for {} {{\n", fmt::join(block->targets, ", "));
      body(block->body);
      out_ += '}';
    } else if (auto *objects = std::get_if<ObjectsStatement>(&statement.node)) {
      out_ += "objects {";
      for (const ObjectRule &rule : objects->rules) {
        std::string keys = rule.isElse ? "else" : "";
        for (const Ref &key : rule.keys)
          keys += (&key == &rule.keys.front() ? "" : ", ") + key.str();
        out_ += fmt::format("\n{}: {}", keys, call(rule.policy));
      }
      out_ += '}';
    } else if (auto *files = std::get_if<FilesStatement>(&statement.node)) {
      out_ += fmt::format("files {{ {}: copy from {} }}", globs(files->names), text(files->from));
    } else if (auto *drop = std::get_if<DropStatement>(&statement.node)) {
      out_ += "drop " + selection(drop->selection);
    } else if (auto *expect = std::get_if<ExpectStatement>(&statement.node)) {
      out_ += "expect " + text(expect->condition);
    } else if (auto *check = std::get_if<CheckStatement>(&statement.node)) {
      out_ += "check " + text(check->condition);
      if (!check->otherwise.empty())
        out_ += " otherwise " + check->otherwise;
    } else if (auto *only = std::get_if<OnlyStatement>(&statement.node)) {
      out_ += "only " + names(only->in, only->paths);
    } else if (auto *init = std::get_if<InitStatement>(&statement.node)) {
      out_ += fmt::format("init {}: {}", selection(init->selection), call(init->value));
    } else if (auto *deadline = std::get_if<DeadlineStatement>(&statement.node)) {
      out_ += "deadline " + deadline->pipeline;
    } else if (auto *budget = std::get_if<BudgetStatement>(&statement.node)) {
      out_ += "budget " + size(budget->text, budget->bytes);
    }
  }

  std::string out_;
};
} // namespace

std::string format(const Spec &spec) {
  std::string text = Printer().spec(spec);
  // A built spec with names that no text can hold is shown as it is; `check` says why.
  return formatText(text, spec.file).value_or(text);
}

std::string format(const ExprPtr &expr) { return Printer().text(expr); }

} // namespace recast::lang
