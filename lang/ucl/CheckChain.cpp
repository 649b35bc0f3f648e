// Which operations a chain may be made of.
#include "lang/ucl/CheckImpl.h"

#include "runtime/base/DType.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::lang {
namespace {
bool isFloat8(DType type) { return bitWidth(type) == 8 && info(type).isFloat; }

/// The first member of this name among what a value is computed from, or null.
const Expr *memberIn(const Expr &expr, std::string_view name) {
  if (expr.kind == Expr::Kind::Member && expr.text == name)
    return &expr;
  for (const ExprPtr &operand : expr.operands)
    if (const Expr *found = memberIn(*operand, name))
      return found;
  return nullptr;
}

/// What casts can make: IEEE-like floats, and integers (which only ever become wider).
bool isCastTarget(DType type) {
  switch (type) {
  case DType::F16:
  case DType::BF16:
  case DType::F32:
  case DType::F64:
  case DType::F8E4M3FN:
  case DType::F8E5M2:
    return true;
  default:
    return !info(type).isFloat && !info(type).isComplex && type != DType::Bool;
  }
}

std::vector<std::string> castTargets() {
  std::vector<std::string> out;
  for (const DTypeInfo &type : allDTypes())
    if (isCastTarget(type.type))
      out.emplace_back(type.name);
  return out;
}

/// What can become of values that are too large: f8e4m3fn has no infinity, and f8e5m2 keeps NaN for
/// what is none.
std::vector<std::string> overflowRules(DType type) {
  if (type == DType::F8E4M3FN)
    return {"saturate", "nan"};
  if (type == DType::F8E5M2)
    return {"saturate", "ieee"};
  return {"ieee"};
}
} // namespace

void Checker::checkChain(const std::vector<Operation> &chain, Location loc) {
  if (chain.empty())
    report(loc, "a statement needs an operation, such as `keep`");
  for (size_t i = 0; i < chain.size(); ++i)
    checkOperation(chain[i], i == 0);
}

void Checker::checkOperation(const Operation &operation, bool isFirst) {
  Location loc = operation.loc;
  if (!checkName(loc, operation.name, "an operation"))
    return;
  if (operation.name == "drop")
    return report(loc, "`drop` is a statement: write `drop ROLE`, or `role(drop)` for a role "
                       "that is called so");
  const KnownWord *word = findWord(operationWords(), operation.name);
  if (word && !word->available)
    return report(loc,
                  fmt::format("the operation `{}` is not part of this version", operation.name));
  if (!word && (!isFirst || !operation.args.empty()))
    return report(loc, fmt::format("unknown operation `{}`{}{}", operation.name,
                                   didYouMean(operation.name, operationWords()),
                                   isFirst ? "" : "; a role can only begin a chain"));
  if (!word)
    return; // A role: whether the source has it is known once its files are read.
  if (operation.name == "cast")
    return checkCast(operation);
  if (operation.name == "average")
    return checkNoArgs(operation);
  if (operation.name == "select")
    return checkSelect(operation);
  if (!isFirst)
    return report(loc, fmt::format("`{}` can only begin a chain", operation.name));
  if (operation.name == "keep")
    return checkNoArgs(operation);
  if (operation.name == "predict")
    return checkPredict(operation);
  bool isName = operation.args.size() == 1 && operation.args[0].name.empty() &&
                operation.args[0].value && operation.args[0].value->kind == Expr::Kind::Name;
  if (!isName)
    return report(loc, "`role` takes the name of a role, as in `role(cast)`");
  checkName(loc, operation.args[0].value->text, "a role");
}

void Checker::checkNoArgs(const Operation &operation) {
  if (!operation.args.empty())
    report(operation.loc, fmt::format("`{}` takes no arguments", operation.name));
}

void Checker::checkSelect(const Operation &select) {
  Location loc = select.loc;
  if (select.args.size() != 1 || select.args[0].name.empty())
    return report(loc, "`select` takes one coordinate of a mesh axis, as in `select(dp = 0)`");
  checkName(loc, select.args[0].name, "a mesh axis");
  ExprPtr value = constant(select.args[0].value, loc);
  if (value && (value->kind != Expr::Kind::Int || value->integer < 0))
    report(select.args[0].value->loc.line ? select.args[0].value->loc : loc,
           "a coordinate is a whole number, counted from 0");
}

/// Roles, then arguments by name. What numbers are possible, and what belongs to which rule, is
/// known where the hyper-parameters of the run are.
void Checker::checkPredict(const Operation &predict) {
  static const std::vector<std::string> kArguments = {
      "s",        "rule",      "lr",   "betas",   "eps",   "weight_decay",
      "momentum", "dampening", "step", "variant", "decay", "factor"};
  std::set<std::string> given;
  for (const Arg &arg : predict.args) {
    Location at = arg.value && arg.value->loc.line ? arg.value->loc : predict.loc;
    if (arg.name.empty()) {
      if (!given.empty())
        return report(at, "the roles of `predict` stand before its named arguments");
      if (!arg.value || arg.value->kind != Expr::Kind::Name)
        return report(at, "`predict` takes the names of roles, and then arguments by name");
      if (!checkName(at, arg.value->text, "a role"))
        return;
      continue;
    }
    if (std::find(kArguments.begin(), kArguments.end(), arg.name) == kArguments.end())
      return reportWord(predict.loc, arg.name,
                        fmt::format("`predict` has no argument `{}`{}; there are {}", arg.name,
                                    didYouMean(arg.name, kArguments), fmt::join(kArguments, ", ")));
    if (!given.insert(arg.name).second)
      return reportWord(predict.loc, arg.name,
                        fmt::format("`predict` is given `{}` twice", arg.name), 2);
    if (arg.name == "rule")
      checkChoice(arg, {"sgd", "sgdm", "adam", "adamw"}, predict.loc);
    else if (arg.name == "variant")
      checkChoice(arg, {"paper", "code"}, predict.loc);
    else if (arg.name == "factor")
      checkChoice(arg, {"linear", "geometric"}, predict.loc);
    else
      checkPredictValue(arg, at);
  }
  size_t roles = predict.args.size() - given.size();
  if (roles < 2)
    report(predict.loc,
           "`predict` takes the role of the weights and those of the optimizer's "
           "states, as in `predict(master, exp_avg, exp_avg_sq, s = 3, rule = adamw)`");
  for (const char *needed : {"s", "rule"})
    if (!given.contains(needed))
      report(predict.loc,
             fmt::format("`predict` does not say `{} = ..`: {}", needed,
                         needed[0] == 's' ? "how many updates ahead" : "sgd, sgdm, adam or adamw"));
}

void Checker::checkPredictValue(const Arg &arg, Location at) {
  if (arg.name == "s" && arg.value && arg.value->kind == Expr::Kind::Member) {
    if (!expressible(arg.value, at, false))
      return;
    const ExprPtr &base = arg.value->operands[0];
    if (base->kind != Expr::Kind::Name || arg.value->text != "lag")
      return report(at, "`s` is a number of updates, or the lag of a pipeline: `s = p.lag`");
    return checkPipelineName(base->text, at);
  }
  if (arg.name == "s" && arg.value && arg.value->kind == Expr::Kind::Binary) {
    if (!expressible(arg.value, at, false))
      return;
    if (const Expr *lag = memberIn(*arg.value, "lag"))
      return report(lag->loc.line ? lag->loc : at,
                    "the lag of a pipeline stands alone, as in `s = p.lag`: it differs between "
                    "stages, so nothing can be computed with it");
  }
  ExprPtr value = constant(arg.value, at);
  if (!value)
    return;
  using Kind = Expr::Kind;
  auto isNumber = [](const ExprPtr &e) {
    return e && (e->kind == Kind::Int || e->kind == Kind::Float);
  };
  if (arg.name == "s" || arg.name == "step") {
    if (value->kind != Kind::Int || value->integer < 0)
      report(at, fmt::format("`{}` is a whole number, at least 0", arg.name));
  } else if (arg.name == "decay") {
    if (value->kind != Kind::Bool)
      report(at, "`decay` is true or false");
  } else if (arg.name == "betas") {
    bool isPair = value->kind == Kind::Tuple && value->args.size() == 2;
    for (size_t i = 0; isPair && i < 2; ++i)
      isPair = value->args[i].name.empty() && isNumber(constant(value->args[i].value, at));
    if (!isPair)
      report(at, "`betas` is a pair of numbers, as in (0.9, 0.999)");
  } else if (!isNumber(value)) {
    report(at, fmt::format("`{}` is a number", arg.name));
  }
}

void Checker::checkCast(const Operation &cast) {
  static const std::vector<std::string> kArguments = {"overflow", "round"};
  const Arg *type = nullptr, *overflow = nullptr, *round = nullptr;
  for (const Arg &arg : cast.args) {
    const Arg *&slot = arg.name.empty() ? type : arg.name == "round" ? round : overflow;
    if (!arg.name.empty() && arg.name != "overflow" && arg.name != "round")
      return reportWord(
          cast.loc, arg.name,
          fmt::format("`cast` has no argument `{}`{}", arg.name, didYouMean(arg.name, kArguments)));
    if (slot)
      return report(cast.loc, "`cast` takes one dtype, `overflow = ..` and `round = ..`");
    slot = &arg;
  }
  if (!type)
    return report(cast.loc, "`cast` needs a dtype, as in `cast(bf16)`");
  if (round)
    checkChoice(*round, {"rne"}, cast.loc);
  ExprPtr value = constant(type->value, cast.loc);
  if (!value)
    return;
  Location at = type->value->loc.line ? type->value->loc : cast.loc;
  bool isWord = value->kind == Expr::Kind::Name;
  auto dtype = isWord ? parseDType(value->text) : std::nullopt;
  if (!dtype || !isCastTarget(*dtype)) {
    std::vector<std::string> known = castTargets();
    std::string what =
        !isWord ? std::string("a cast needs the name of a dtype")
        : dtype ? fmt::format("there is no cast to `{}`", value->text)
                : fmt::format("unknown dtype `{}`{}", value->text, didYouMean(value->text, known));
    return report(at, fmt::format("{}; a cast goes to {}", what, fmt::join(known, ", ")));
  }
  std::vector<std::string> rules = overflowRules(*dtype);
  if (overflow)
    return checkChoice(*overflow, rules, cast.loc);
  if (isFloat8(*dtype))
    report(at, fmt::format("a cast to {0} must say what becomes of values that are too large: "
                           "cast({0}, overflow = {1}) or overflow = {2}",
                           name(*dtype), rules[0], rules[1]));
}

void Checker::checkChoice(const Arg &arg, const std::vector<std::string> &choices, Location at) {
  ExprPtr value = constant(arg.value, at);
  if (!value || (value->kind == Expr::Kind::Name &&
                 std::find(choices.begin(), choices.end(), value->text) != choices.end()))
    return;
  report(arg.value->loc.line ? arg.value->loc : at,
         fmt::format("`{}` is {} here{}", arg.name, fmt::join(choices, " or "),
                     value->kind == Expr::Kind::Name ? didYouMean(value->text, choices) : ""));
}

} // namespace recast::lang
