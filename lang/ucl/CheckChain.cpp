// Which operations a chain may be made of.
#include "lang/ucl/CheckImpl.h"

#include "runtime/base/DType.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::lang {
namespace {
bool isFloat8(DType type) { return bitWidth(type) == 8 && info(type).isFloat; }

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
