#include "lang/import/ExprAttr.h"

#include "dialect/Ckpt/CkptDialect.h"
#include "lang/ast/Words.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {
namespace {

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

class Converter {
public:
  explicit Converter(MLIRContext &context) : context_(context) {}

  Result<Attribute> convert(const ExprPtr &expr, unsigned depth) {
    if (!expr)
      return usage("an expression is missing");
    if (depth > kMaxExprDepth)
      return usage("an expression is nested too deeply");
    Builder builder(&context_);
    switch (expr->kind) {
    case Expr::Kind::Int:
      return builder.getI64IntegerAttr(expr->integer);
    case Expr::Kind::Float:
      return builder.getF64FloatAttr(expr->real);
    case Expr::Kind::Size:
      if (expr->integer < 0)
        return usage("a size cannot be negative");
      return ckpt::SizeAttr::get(&context_, expr->integer);
    case Expr::Kind::String:
      return builder.getStringAttr(expr->text);
    case Expr::Kind::Bool:
      return builder.getBoolAttr(expr->integer != 0);
    case Expr::Kind::Name:
      return ckpt::WordAttr::get(&context_, expr->text);
    case Expr::Kind::Call: {
      RECAST_ASSIGN(ArrayAttr list, args(expr->args, depth));
      if (expr->text.empty())
        return usage("a call names what it calls");
      return ckpt::CallAttr::get(&context_, expr->text, list);
    }
    case Expr::Kind::Member:
      return member(*expr, depth);
    case Expr::Kind::Tuple: {
      RECAST_ASSIGN(ArrayAttr list, args(expr->args, depth));
      return list;
    }
    case Expr::Kind::Binary:
      return binary(*expr, depth);
    }
    return internal("an expression of an unknown kind");
  }

private:
  Result<Attribute> member(const Expr &expr, unsigned depth) {
    if (expr.operands.size() != 1 || expr.text.empty())
      return usage("a member has one base and a name");
    RECAST_ASSIGN(Attribute base, convert(expr.operands[0], depth + 1));
    return ckpt::MemberAttr::get(&context_, base, expr.text);
  }

  Result<Attribute> binary(const Expr &expr, unsigned depth) {
    if (expr.operands.size() != 2)
      return usage(fmt::format("`{}` needs two sides", expr.text));
    RECAST_ASSIGN(Attribute left, convert(expr.operands[0], depth + 1));
    RECAST_ASSIGN(Attribute right, convert(expr.operands[1], depth + 1));
    auto complain = [&] { return emitError(UnknownLoc::get(&context_)); };
    auto attr = ckpt::BinaryAttr::getChecked(EmitError(complain), &context_, StringRef(expr.text),
                                             left, right);
    if (!attr)
      return usage(fmt::format("`{}` is not an operator", expr.text));
    return attr;
  }

  Result<ArrayAttr> args(const std::vector<Arg> &list, unsigned depth) {
    llvm::SmallVector<Attribute> out;
    for (const Arg &arg : list) {
      RECAST_ASSIGN(Attribute value, convert(arg.value, depth + 1));
      out.push_back(arg.name.empty() ? value : ckpt::ArgAttr::get(&context_, arg.name, value));
    }
    return ArrayAttr::get(&context_, out);
  }

  MLIRContext &context_;
};

ExprPtr made(Expr expr) { return std::make_shared<const Expr>(std::move(expr)); }

Expr withText(Expr::Kind kind, llvm::StringRef text) {
  Expr out;
  out.kind = kind;
  out.text = text.str();
  return out;
}

Expr number(Expr::Kind kind, int64_t value) {
  Expr out;
  out.kind = kind;
  out.integer = value;
  return out;
}

} // namespace

Result<Attribute> exprToAttr(MLIRContext &context, const ExprPtr &expr) {
  return Converter(context).convert(expr, 0);
}

std::vector<Arg> attrToArgs(ArrayAttr attr) {
  std::vector<Arg> out;
  for (Attribute element : attr) {
    if (auto named = dyn_cast<ckpt::ArgAttr>(element))
      out.push_back({named.getName().str(), attrToExpr(named.getValue())});
    else
      out.push_back({"", attrToExpr(element)});
  }
  return out;
}

ExprPtr attrToExpr(Attribute attr) {
  if (auto flag = dyn_cast<BoolAttr>(attr))
    return made(number(Expr::Kind::Bool, flag.getValue()));
  if (auto integer = dyn_cast<IntegerAttr>(attr))
    return made(number(Expr::Kind::Int, integer.getInt()));
  if (auto size = dyn_cast<ckpt::SizeAttr>(attr)) {
    Expr out = number(Expr::Kind::Size, size.getBytes());
    out.text = spellSize(static_cast<uint64_t>(size.getBytes()));
    return made(std::move(out));
  }
  if (auto real = dyn_cast<FloatAttr>(attr)) {
    Expr out;
    out.kind = Expr::Kind::Float;
    out.real = real.getValueAsDouble();
    out.text = fmt::format("{}", out.real);
    return made(std::move(out));
  }
  if (auto text = dyn_cast<StringAttr>(attr))
    return made(withText(Expr::Kind::String, text.getValue()));
  if (auto word = dyn_cast<ckpt::WordAttr>(attr))
    return made(withText(Expr::Kind::Name, word.getText()));
  if (auto list = dyn_cast<ArrayAttr>(attr)) {
    Expr out;
    out.kind = Expr::Kind::Tuple;
    out.args = attrToArgs(list);
    return made(std::move(out));
  }
  if (auto call = dyn_cast<ckpt::CallAttr>(attr)) {
    Expr out = withText(Expr::Kind::Call, call.getCallee());
    out.args = attrToArgs(call.getArgs());
    return made(std::move(out));
  }
  if (auto member = dyn_cast<ckpt::MemberAttr>(attr)) {
    Expr out = withText(Expr::Kind::Member, member.getField());
    out.operands = {attrToExpr(member.getBase())};
    return made(std::move(out));
  }
  if (auto binary = dyn_cast<ckpt::BinaryAttr>(attr)) {
    Expr out = withText(Expr::Kind::Binary, binary.getOp());
    out.operands = {attrToExpr(binary.getLhs()), attrToExpr(binary.getRhs())};
    return made(std::move(out));
  }
  return nullptr;
}

} // namespace recast::lang
