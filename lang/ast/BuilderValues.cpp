#include "lang/ast/Builder.h"
#include "lang/ast/Words.h"

#include <charconv>

namespace recast::lang {
namespace {
using Kind = Expr::Kind;

ExprPtr make(Kind kind, std::string text = {}, int64_t integer = 0) {
  auto expr = std::make_shared<Expr>();
  expr->kind = kind;
  expr->text = std::move(text);
  expr->integer = integer;
  return expr;
}

Value binary(const char *op, const Value &a, const Value &b) {
  auto expr = std::make_shared<Expr>();
  expr->kind = Kind::Binary;
  expr->text = op;
  expr->operands = {a.expr(), b.expr()};
  return Value(ExprPtr(std::move(expr)));
}
} // namespace

// The language has no negative literals: -5 is written 0 - 5.
ExprPtr Value::integer(int64_t value) {
  if (value >= 0)
    return make(Kind::Int, {}, value);
  if (value == INT64_MIN)
    return (Value(value + 1) - Value(int64_t{1})).expr();
  return (Value(int64_t{0}) - Value(-value)).expr();
}

Value::Value(bool value) : expr_(make(Kind::Bool, {}, value)) {}
Value::Value(std::string_view text) : expr_(make(Kind::String, std::string(text))) {}
Value::Value(Word word) : expr_(make(Kind::Name, std::string(word.text))) {}

Value::Value(double value) {
  if (value < 0) {
    expr_ = (Value(int64_t{0}) - Value(-value)).expr();
    return;
  }
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos)
    text += ".0";
  auto expr = std::make_shared<Expr>();
  expr->kind = Kind::Float;
  expr->text = std::move(text);
  expr->real = value;
  expr_ = std::move(expr);
}

Value Value::operator[](std::string_view member) const {
  auto expr = std::make_shared<Expr>();
  expr->kind = Kind::Member;
  expr->text = member;
  expr->operands = {expr_};
  return Value(ExprPtr(std::move(expr)));
}

Value Value::orElse(const Value &other) const { return binary("??", *this, other); }

Value name(std::string_view text) { return Value(Word{text}); }

Value callOf(std::string_view name, std::vector<Arg> args) {
  auto expr = std::make_shared<Expr>();
  expr->kind = Kind::Call;
  expr->text = name;
  expr->args = std::move(args);
  return Value(ExprPtr(std::move(expr)));
}

Value config(Value path) { return callOf("config", {arg(std::move(path))}); }
Value bytes(uint64_t count) {
  return Value(make(Kind::Size, spellSize(count), static_cast<int64_t>(count)));
}

Arg arg(Value value) { return {"", value.expr()}; }
Arg arg(std::string_view name, Value value) { return {std::string(name), value.expr()}; }

Value tuple(std::vector<Arg> elements) {
  if (elements.size() == 1 && elements[0].name.empty())
    return Value(elements[0].value);
  auto expr = std::make_shared<Expr>();
  expr->kind = Kind::Tuple;
  expr->args = std::move(elements);
  return Value(ExprPtr(std::move(expr)));
}

Value operator+(const Value &a, const Value &b) { return binary("+", a, b); }
Value operator-(const Value &a, const Value &b) { return binary("-", a, b); }
Value operator*(const Value &a, const Value &b) { return binary("*", a, b); }
Value operator/(const Value &a, const Value &b) { return binary("/", a, b); }
Value operator==(const Value &a, const Value &b) { return binary("==", a, b); }
Value operator!=(const Value &a, const Value &b) { return binary("!=", a, b); }
Value operator<(const Value &a, const Value &b) { return binary("<", a, b); }
Value operator<=(const Value &a, const Value &b) { return binary("<=", a, b); }
Value operator>(const Value &a, const Value &b) { return binary(">", a, b); }
Value operator>=(const Value &a, const Value &b) { return binary(">=", a, b); }
Value operator&&(const Value &a, const Value &b) { return binary("and", a, b); }

Format Format::arg(std::string_view argument, Value value) && {
  args.push_back(lang::arg(argument, std::move(value)));
  return std::move(*this);
}

Format format(std::string_view name, Value path) {
  std::string spelled(name);
  for (char &c : spelled)
    if (c == '-')
      c = '_';
  return {std::move(spelled), {arg(std::move(path))}};
}

Format memory() { return {"memory", {}}; }
Format deepspeed(Value path) { return format("deepspeed", std::move(path)); }
Format deepspeed_universal(Value path) { return format("deepspeed_universal", std::move(path)); }
Format safetensors(Value path) { return format("safetensors", std::move(path)); }

LayoutStep pad(std::string_view axis, Value multiple) {
  return {{}, PadStep{std::string(axis), multiple.expr()}};
}
LayoutStep split(std::vector<std::string> axes, std::vector<std::string> by,
                 std::string_view rule) {
  return {{}, SplitStep{std::move(axes), std::move(by), std::string(rule), {}}};
}
LayoutStep splitWidths(std::vector<std::string> axes, std::vector<std::string> by,
                       std::vector<int64_t> widths) {
  return {{}, SplitStep{std::move(axes), std::move(by), "widths", std::move(widths)}};
}
LayoutStep chunk(int64_t dimension, std::string_view by) {
  return {{}, ChunkStep{dimension, std::string(by)}};
}
LayoutStep flat(std::string_view by, std::string_view per) {
  return {{}, FlatStep{std::string(by), std::string(per)}};
}
LayoutStep stage(std::string_view by, std::vector<int64_t> at) {
  return {{}, StageStep{std::string(by), std::move(at)}};
}
LayoutStep varying(std::string_view by) { return {{}, VaryingStep{std::string(by)}}; }

Chain operation(std::string_view name, std::vector<Arg> args) {
  Operation operation;
  operation.name = name;
  operation.args = std::move(args);
  return {{std::move(operation)}};
}
Chain operator|(Chain left, const Chain &right) {
  left.operations.insert(left.operations.end(), right.operations.begin(), right.operations.end());
  return left;
}
Chain keep() { return operation("keep"); }
Chain cast(Value dtype) { return operation("cast", {arg(std::move(dtype))}); }
Chain cast(Value dtype, Word overflow) {
  return operation("cast", {arg(std::move(dtype)), arg("overflow", Value(overflow))});
}
Chain average() { return operation("average"); }
Chain predict(const std::vector<std::string> &roles, std::vector<Arg> args) {
  std::vector<Arg> all;
  for (const std::string &role : roles)
    all.push_back(arg(name(role)));
  all.insert(all.end(), args.begin(), args.end());
  return operation("predict", std::move(all));
}
Chain select(std::string_view axis, int64_t coordinate) {
  return operation("select", {arg(axis, coordinate)});
}
Chain role(std::string_view name) {
  if (findWord(operationWords(), name))
    return operation("role", {arg(lang::name(name))});
  return operation(name);
}

} // namespace recast::lang
