#include "lang/ucl/CheckImpl.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace recast::lang {
namespace {
using Kind = Expr::Kind;

constexpr unsigned kMaxDepth = 256;

bool isComparison(std::string_view op) {
  return op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=";
}
bool isArithmetic(std::string_view op) {
  return op == "+" || op == "-" || op == "*" || op == "/" || op == "??";
}
} // namespace

bool Checker::expressible(const ExprPtr &expr, Location at, bool isCondition, unsigned depth) {
  auto refuse = [&](std::string message) {
    report(expr && expr->loc.line ? expr->loc : at, std::move(message));
    return false;
  };
  if (!expr)
    return refuse("a value is missing");
  if (depth > kMaxDepth)
    return refuse("this expression is nested too deeply");
  switch (expr->kind) {
  case Kind::Int:
  case Kind::Size:
    return expr->integer >= 0 || refuse("a number below zero; write `0 - 5`");
  case Kind::Bool:
    return true;
  case Kind::Float:
    return (std::isfinite(expr->real) && !std::signbit(expr->real)) ||
           refuse("a number that the language cannot write");
  case Kind::String:
    return expr->text.find('\0') == std::string::npos || refuse("a text cannot hold a NUL byte");
  case Kind::Name:
    return isIdentifier(expr->text) || refuse(fmt::format("`{}` is no name", expr->text));
  case Kind::Call:
    if (!isIdentifier(expr->text))
      return refuse(fmt::format("`{}` is no name", expr->text));
    return expressibleArgs(expr->args, at, depth + 1);
  case Kind::Tuple:
    if (expr->args.empty() || (expr->args.size() == 1 && expr->args[0].name.empty()))
      return refuse("a tuple needs two elements, or one with a name");
    return expressibleArgs(expr->args, at, depth + 1);
  case Kind::Member: {
    if (expr->operands.size() != 1 || !isIdentifier(expr->text))
      return refuse(fmt::format("`{}` is no name", expr->text));
    const ExprPtr &base = expr->operands[0];
    if (base && base->kind != Kind::Name && base->kind != Kind::Call && base->kind != Kind::Member)
      return refuse("only a name or a call has members");
    return expressible(base, at, false, depth + 1);
  }
  case Kind::Binary:
    break;
  }
  if (expr->operands.size() != 2)
    return refuse(fmt::format("`{}` needs two sides", expr->text));
  const ExprPtr &left = expr->operands[0], &right = expr->operands[1];
  if (expr->text == "and" && isCondition) {
    if (right && right->kind == Kind::Binary && right->text == "and")
      return refuse("conditions are joined from the left: (a and b) and c");
    return expressible(left, at, true, depth + 1) && expressible(right, at, true, depth + 1);
  }
  if (!isArithmetic(expr->text) && !(isCondition && isComparison(expr->text)))
    return refuse(fmt::format("a condition (`{}`) cannot stand inside a value", expr->text));
  return expressible(left, at, false, depth + 1) && expressible(right, at, false, depth + 1);
}

bool Checker::expressibleArgs(const std::vector<Arg> &args, Location at, unsigned depth) {
  return std::all_of(args.begin(), args.end(), [&](const Arg &arg) {
    return (arg.name.empty() || checkName(at, arg.name, "an argument")) &&
           expressible(arg.value, at, false, depth);
  });
}

ExprPtr Checker::constant(const ExprPtr &expr, Location at) {
  if (!expressible(expr, at, false))
    return nullptr;
  Evaluation value = evaluate(spec_, expr);
  if (!value)
    report(value.where.line ? value.where : at, std::move(value.error));
  return value.value;
}

std::optional<std::string> Checker::textOf(const ExprPtr &expr, Location at,
                                           std::string_view what) {
  ExprPtr value = constant(expr, at);
  if (!value)
    return std::nullopt;
  Location loc = expr->loc.line ? expr->loc : at;
  if (value->kind == Kind::Name) {
    report(loc, fmt::format("{} must be a text in quotes; nothing is called `{}`{}", what,
                            value->text, didYouMean(value->text, letNames())));
    return std::nullopt;
  }
  if (value->kind != Kind::String || value->text.empty()) {
    report(loc, fmt::format("{} must be a text in quotes that is not empty", what));
    return std::nullopt;
  }
  return value->text;
}

void Checker::checkCondition(const ExprPtr &condition, Location at, const Job &job) {
  if (expressible(condition, at, true))
    checkConditionNames(*condition, job);
}

void Checker::checkConditionNames(const Expr &expr, const Job &job) {
  switch (expr.kind) {
  case Kind::Call:
    report(expr.loc, fmt::format("there is no function `{}` in this version", expr.text));
    return;
  case Kind::Member: {
    const Expr *root = &expr;
    while (root->kind == Kind::Member)
      root = root->operands[0].get();
    if (root->kind == Kind::Call)
      return checkConditionNames(*root, job);
    std::vector<std::string> known = job.targets;
    known.push_back(job.source);
    for (const Pipeline &pipeline : spec_.pipelines)
      known.push_back(pipeline.name);
    if (spec_.pipeline(root->text) && root == expr.operands[0].get()) {
      static const std::vector<std::string> kFields = {"cut", "lag"};
      if (std::find(kFields.begin(), kFields.end(), expr.text) == kFields.end())
        report(expr.loc, fmt::format("a pipeline has no `{}`{}; there are `cut` and `lag`",
                                     expr.text, didYouMean(expr.text, kFields)));
      return;
    }
    if (std::find(known.begin(), known.end(), root->text) == known.end())
      report(root->loc, fmt::format("`{}` is no source or target of this job, and no pipeline{}",
                                    root->text, didYouMean(root->text, known)));
    return;
  }
  case Kind::Tuple:
    for (const Arg &arg : expr.args)
      checkConditionNames(*arg.value, job);
    return;
  case Kind::Binary:
    for (const ExprPtr &operand : expr.operands)
      checkConditionNames(*operand, job);
    return;
  default:
    return; // A bare name is a let, a role or a word: known once the source has been read.
  }
}

} // namespace recast::lang
