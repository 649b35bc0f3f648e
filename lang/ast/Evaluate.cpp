#include "lang/ast/Evaluate.h"

#include <algorithm>
#include <cmath>

namespace recast::lang {
namespace {
using Kind = Expr::Kind;

/// Lets may double a string each (`let b = a + a`): a bound keeps forty of them from filling the
/// memory, both in length and in work.
constexpr size_t kMaxString = 1 << 16;
constexpr size_t kMaxWork = 1 << 20;
constexpr size_t kMaxDepth = 512;

class Evaluator {
public:
  explicit Evaluator(const Spec &spec) : spec_(spec) {}

  Evaluation evaluate(const ExprPtr &expr) {
    if (!expr)
      return {nullptr, "there is no value here", {}};
    if (++work_ > kMaxWork || ++depth_ > kMaxDepth)
      return failed(*expr, "this value takes too many steps to work out");
    Evaluation out = step(expr);
    --depth_;
    return out;
  }

private:
  static Evaluation failed(const Expr &at, std::string why) {
    return {nullptr, std::move(why), at.loc};
  }

  static Evaluation made(Expr value) {
    return {std::make_shared<const Expr>(std::move(value)), {}, {}};
  }

  Evaluation step(const ExprPtr &expr) {
    switch (expr->kind) {
    case Kind::Int:
    case Kind::Float:
    case Kind::Size:
    case Kind::String:
    case Kind::Bool:
      return {expr, {}, {}};
    case Kind::Name:
      return name(expr);
    case Kind::Call:
      return failed(*expr, "there is no function `" + expr->text + "`");
    case Kind::Member:
      return failed(*expr, "`." + expr->text + "` is known only in `expect` and `check`");
    case Kind::Tuple:
      return tuple(*expr);
    case Kind::Binary:
      return binary(*expr);
    }
    return failed(*expr, "this is no value");
  }

  Evaluation name(const ExprPtr &expr) {
    const ExprPtr *value = spec_.let(expr->text);
    if (!value)
      return {expr, {}, {}};
    if (std::find(open_.begin(), open_.end(), expr->text) != open_.end())
      return failed(*expr, "`" + expr->text + "` is defined by itself");
    open_.push_back(expr->text);
    Evaluation out = evaluate(*value);
    open_.pop_back();
    return out;
  }

  Evaluation tuple(const Expr &expr) {
    Expr out;
    out.kind = Kind::Tuple;
    out.loc = expr.loc;
    for (const Arg &arg : expr.args) {
      Evaluation value = evaluate(arg.value);
      if (!value)
        return value;
      out.args.push_back({arg.name, value.value});
    }
    return made(std::move(out));
  }

  Evaluation binary(const Expr &expr) {
    if (expr.operands.size() != 2)
      return failed(expr, "`" + expr.text + "` needs two sides");
    Evaluation left = evaluate(expr.operands[0]);
    // Every value here is present, so `a ?? b` is a: only what a file may lack can be missing.
    if (!left || expr.text == "??")
      return left;
    Evaluation right = evaluate(expr.operands[1]);
    if (!right)
      return right;
    const Expr &a = *left.value, &b = *right.value;
    bool isArithmetic =
        expr.text == "+" || expr.text == "-" || expr.text == "*" || expr.text == "/";
    if (!isArithmetic)
      return failed(expr, "a condition (`" + expr.text + "`) is no value");
    if (a.kind == Kind::String && b.kind == Kind::String && expr.text == "+")
      return joined(expr, a, b);
    auto isWhole = [](const Expr &e) { return e.kind == Kind::Int || e.kind == Kind::Size; };
    auto isNumber = [&](const Expr &e) { return isWhole(e) || e.kind == Kind::Float; };
    if (!isNumber(a) || !isNumber(b))
      return failed(expr, "`" + expr.text + "` does not apply to these values");
    if (isWhole(a) && isWhole(b))
      return whole(expr, a, b);
    if (a.kind == Kind::Size || b.kind == Kind::Size)
      return failed(expr, "a size takes whole numbers only");
    return real(expr, a, b);
  }

  Evaluation joined(const Expr &at, const Expr &a, const Expr &b) {
    if (a.text.size() + b.text.size() > kMaxString)
      return failed(at, "this text would be longer than 64 KiB");
    work_ += (a.text.size() + b.text.size()) / 16;
    Expr out = a;
    out.loc = at.loc;
    out.text += b.text;
    return made(std::move(out));
  }

  static Evaluation whole(const Expr &at, const Expr &a, const Expr &b) {
    int64_t x = a.integer, y = b.integer;
    Expr out;
    out.loc = at.loc;
    bool sizes = a.kind == Kind::Size || b.kind == Kind::Size;
    if (a.kind == Kind::Size && b.kind == Kind::Size && (at.text == "*" || at.text == "/"))
      sizes = false; // Bytes times bytes is refused below; a ratio of sizes is a plain number.
    bool bad = false;
    if (at.text == "+" || at.text == "-") {
      if (a.kind != b.kind)
        return failed(at, "`" + at.text + "` needs two sizes or two numbers");
      bad = at.text == "+" ? __builtin_add_overflow(x, y, &out.integer)
                           : __builtin_sub_overflow(x, y, &out.integer);
    } else if (at.text == "*") {
      if (a.kind == Kind::Size && b.kind == Kind::Size)
        return failed(at, "a size times a size is no size");
      bad = __builtin_mul_overflow(x, y, &out.integer);
    } else {
      if (b.kind == Kind::Size && a.kind != Kind::Size)
        return failed(at, "a number cannot be divided by a size");
      if (y == 0)
        return failed(at, "division by zero");
      if (y == -1) {
        bad = __builtin_sub_overflow(int64_t{0}, x, &out.integer);
      } else {
        if (x % y != 0)
          return failed(at, std::to_string(x) + " cannot be divided by " + std::to_string(y));
        out.integer = x / y;
      }
    }
    if (bad)
      return failed(at, "this number is out of range");
    if (sizes && out.integer < 0)
      return failed(at, "a size cannot be negative");
    out.kind = sizes ? Kind::Size : Kind::Int;
    if (sizes)
      out.text = std::to_string(out.integer) + "B";
    return made(std::move(out));
  }

  static Evaluation real(const Expr &at, const Expr &a, const Expr &b) {
    double x = a.kind == Kind::Float ? a.real : static_cast<double>(a.integer);
    double y = b.kind == Kind::Float ? b.real : static_cast<double>(b.integer);
    Expr out;
    out.kind = Kind::Float;
    out.loc = at.loc;
    out.real = at.text == "+" ? x + y : at.text == "-" ? x - y : at.text == "*" ? x * y : x / y;
    if (!std::isfinite(out.real))
      return failed(at, "this number is out of range");
    return made(std::move(out));
  }

  const Spec &spec_;
  std::vector<std::string> open_; ///< Lets being worked out.
  size_t work_ = 0, depth_ = 0;
};
} // namespace

Evaluation evaluate(const Spec &spec, const ExprPtr &expr) {
  return Evaluator(spec).evaluate(expr);
}

} // namespace recast::lang
