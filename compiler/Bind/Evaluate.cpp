#include "compiler/Bind/Evaluate.h"

#include "compiler/Bind/SourceText.h"
#include "dialect/Ckpt/CkptDialect.h"
#include "runtime/base/Checked.h"

#include <fmt/format.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;
using plan::ObjectPtr;
using Kind = plan::Object::Kind;

bool isNumber(const plan::Object &value) {
  return value.kind == Kind::Int || value.kind == Kind::Float;
}
double number(const plan::Object &value) {
  return value.kind == Kind::Int ? static_cast<double>(value.integer) : value.real;
}

class Evaluator {
public:
  Evaluator(mlir::Location loc, const Names &names) : loc_(loc), names_(names) {}

  Result<ObjectPtr> value(mlir::Attribute expression);
  const std::string &witness() const { return witness_; }

private:
  Result<ObjectPtr> member(ckpt::MemberAttr expression);
  Result<ObjectPtr> call(ckpt::CallAttr expression);
  Result<ObjectPtr> binary(ckpt::BinaryAttr expression);
  Result<ObjectPtr> arithmetic(llvm::StringRef op, const plan::Object &a, const plan::Object &b);
  Result<bool> compare(llvm::StringRef op, const plan::Object &a, const plan::Object &b);

  mlir::Location loc_;
  const Names &names_;
  std::string witness_;
};

Result<ObjectPtr> Evaluator::member(ckpt::MemberAttr expression) {
  std::string field = expression.getField().str();
  auto word = llvm::dyn_cast<ckpt::WordAttr>(expression.getBase());
  if (word && names_.member) {
    RECAST_ASSIGN(ObjectPtr known, names_.member(word.getText().str(), field));
    if (known)
      return known;
  }
  RECAST_ASSIGN(ObjectPtr base, value(expression.getBase()));
  if (!base->isDict())
    return fail(specError(loc_, fmt::format("{} has no field '{}'", show(*base), field)));
  for (const auto &[key, element] : base->entries)
    if (key->kind == Kind::String && key->text == field)
      return element;
  return plan::none();
}

Result<ObjectPtr> Evaluator::call(ckpt::CallAttr expression) {
  std::string callee = expression.getCallee().str();
  std::vector<ObjectPtr> args;
  for (mlir::Attribute arg : expression.getArgs()) {
    RECAST_ASSIGN(ObjectPtr item, value(arg));
    args.push_back(std::move(item));
  }
  if (names_.call) {
    RECAST_ASSIGN(ObjectPtr known, names_.call(callee, args));
    if (known)
      return known;
  }
  return fail(specError(loc_, fmt::format("there is no function '{}' here", callee)));
}

Result<ObjectPtr> Evaluator::arithmetic(llvm::StringRef op, const plan::Object &a,
                                        const plan::Object &b) {
  if (a.kind != Kind::Int || b.kind != Kind::Int)
    return fail(specError(loc_, fmt::format("'{}' needs integers", op.str())));
  std::optional<int64_t> result;
  int64_t difference = 0;
  if (op == "+")
    result = checkedAdd(a.integer, b.integer);
  else if (op == "*")
    result = checkedMul(a.integer, b.integer);
  else if (op == "-" && !__builtin_sub_overflow(a.integer, b.integer, &difference))
    result = difference;
  else if (op == "/" && b.integer > 0 && a.integer % b.integer == 0)
    result = a.integer / b.integer;
  if (!result)
    return fail(specError(
        loc_, fmt::format("{} {} {} has no integer value", a.integer, op.str(), b.integer)));
  return plan::integer(*result);
}

Result<bool> Evaluator::compare(llvm::StringRef op, const plan::Object &a, const plan::Object &b) {
  bool numbers = isNumber(a) && isNumber(b);
  if (op == "==" || op == "!=") {
    bool same = numbers ? number(a) == number(b) : plan::equal(a, b);
    return same == (op == "==");
  }
  if (!numbers)
    return fail(specError(loc_, fmt::format("'{}' needs numbers", op.str())));
  if (op == "<")
    return number(a) < number(b);
  if (op == "<=")
    return number(a) <= number(b);
  if (op == ">")
    return number(a) > number(b);
  return number(a) >= number(b);
}

Result<ObjectPtr> Evaluator::binary(ckpt::BinaryAttr expression) {
  llvm::StringRef op = expression.getOp();
  RECAST_ASSIGN(ObjectPtr a, value(expression.getLhs()));
  if (op == "and" && a->kind == Kind::Bool && !a->integer)
    return a;
  if (op == "??" && !a->isNone())
    return a;
  RECAST_ASSIGN(ObjectPtr b, value(expression.getRhs()));
  if (op == "and" || op == "??")
    return b;
  if (op == "+" || op == "-" || op == "*" || op == "/")
    return arithmetic(op, *a, *b);
  RECAST_ASSIGN(bool holds, compare(op, *a, *b));
  if (!holds)
    witness_ = fmt::format("{} {} {} is false", show(*a), op.str(), show(*b));
  return plan::boolean(holds);
}

Result<ObjectPtr> Evaluator::value(mlir::Attribute expression) {
  if (auto nested = llvm::dyn_cast<ckpt::BinaryAttr>(expression))
    return binary(nested);
  if (auto nested = llvm::dyn_cast<ckpt::MemberAttr>(expression))
    return member(nested);
  if (auto flag = llvm::dyn_cast<mlir::BoolAttr>(expression))
    return plan::boolean(flag.getValue());
  if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(expression))
    return plan::integer(integer.getInt());
  if (auto real = llvm::dyn_cast<mlir::FloatAttr>(expression))
    return plan::real(real.getValueAsDouble());
  if (auto text = llvm::dyn_cast<mlir::StringAttr>(expression))
    return plan::string(text.str());
  if (auto size = llvm::dyn_cast<ckpt::SizeAttr>(expression))
    return plan::integer(size.getBytes());
  if (auto word = llvm::dyn_cast<ckpt::WordAttr>(expression)) {
    std::string text = word.getText().str();
    if (names_.word) {
      RECAST_ASSIGN(ObjectPtr known, names_.word(text));
      if (known)
        return known;
    }
    return plan::string(std::move(text)); // Dtypes and modes: run.dtype == bf16.
  }
  if (auto nested = llvm::dyn_cast<ckpt::CallAttr>(expression))
    return call(nested);
  if (auto list = llvm::dyn_cast<mlir::ArrayAttr>(expression)) {
    std::vector<ObjectPtr> items;
    std::vector<std::pair<ObjectPtr, ObjectPtr>> entries;
    for (mlir::Attribute element : list) {
      auto named = llvm::dyn_cast<ckpt::ArgAttr>(element);
      RECAST_ASSIGN(ObjectPtr item, value(named ? named.getValue() : element));
      if (named)
        entries.push_back(plan::entry(named.getName().str(), std::move(item)));
      else
        items.push_back(std::move(item));
    }
    return entries.empty() ? plan::list(std::move(items)) : plan::dict(std::move(entries));
  }
  return fail(specError(loc_, "this expression cannot be evaluated here"));
}

} // namespace

std::string show(const plan::Object &value) {
  switch (value.kind) {
  case Kind::None:
    return "null";
  case Kind::Bool:
    return value.integer ? "true" : "false";
  case Kind::Int:
    return std::to_string(value.integer);
  case Kind::Float:
    return fmt::format("{}", value.real);
  case Kind::String:
    return fmt::format("\"{}\"", value.text);
  case Kind::Dict: {
    std::string out;
    for (const auto &[key, element] : value.entries)
      out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", key->text, show(*element));
    return "(" + out + ")";
  }
  default: {
    std::string out;
    for (const ObjectPtr &item : value.items)
      out += (out.empty() ? "" : ", ") + show(*item);
    return "(" + out + ")";
  }
  }
}

Result<Evaluated> evaluate(mlir::Location loc, mlir::Attribute expression, const Names &names) {
  Evaluator evaluator(loc, names);
  RECAST_ASSIGN(ObjectPtr value, evaluator.value(expression));
  return Evaluated{std::move(value), evaluator.witness()};
}

} // namespace recast::compiler
