#include "lang/ucl/ParserImpl.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::lang {
namespace {
Expr leaf(Expr::Kind kind, Location loc, std::string text = {}) {
  Expr expr;
  expr.kind = kind;
  expr.loc = loc;
  expr.text = std::move(text);
  return expr;
}
ExprPtr share(Expr expr) { return std::make_shared<const Expr>(std::move(expr)); }
} // namespace

Result<ExprPtr> Parser::expression() {
  RECAST_ASSIGN(Tree tree, coalesce());
  return std::move(tree.expr);
}

Result<ExprPtr> Parser::condition() {
  RECAST_ASSIGN(Tree left, relation());
  // After a condition a statement may start, so `and : keep` is a role.
  while (atWord("and") && !isRole()) {
    Token op = peek();
    advance();
    RECAST_ASSIGN(Tree right, relation());
    RECAST_ASSIGN(left, joined(op, std::move(left), std::move(right)));
  }
  return std::move(left.expr);
}

Result<Parser::Tree> Parser::relation() {
  RECAST_ASSIGN(Tree left, coalesce());
  for (std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
    if (!atPunct(op))
      continue;
    Token token = peek();
    advance();
    RECAST_ASSIGN(Tree right, coalesce());
    return joined(token, std::move(left), std::move(right));
  }
  if (atPunct("="))
    return errorHere("a comparison is written `==`");
  return left;
}

Result<Parser::Tree> Parser::leftAssociative(std::initializer_list<std::string_view> operators,
                                             Result<Tree> (Parser::*operand)()) {
  RECAST_ASSIGN(Tree left, (this->*operand)());
  while (std::any_of(operators.begin(), operators.end(),
                     [this](std::string_view op) { return atPunct(op); })) {
    Token op = peek();
    advance();
    RECAST_ASSIGN(Tree right, (this->*operand)());
    RECAST_ASSIGN(left, joined(op, std::move(left), std::move(right)));
  }
  return left;
}

Result<Parser::Tree> Parser::coalesce() { return leftAssociative({"??"}, &Parser::sum); }
Result<Parser::Tree> Parser::sum() { return leftAssociative({"+", "-"}, &Parser::product); }
Result<Parser::Tree> Parser::product() { return leftAssociative({"*", "/"}, &Parser::term); }

Result<Parser::Tree> Parser::joined(const Token &op, Tree left, Tree right) {
  Tree out;
  out.height = std::max(left.height, right.height) + 1;
  if (out.height > kMaxHeight)
    return errorAtToken(
        op, fmt::format("this expression is too long (more than {} operators deep)", kMaxHeight));
  Expr expr = leaf(Expr::Kind::Binary, op.loc, std::string(spelling(op)));
  expr.operands = {std::move(left.expr), std::move(right.expr)};
  out.expr = share(std::move(expr));
  return out;
}

Result<Parser::Tree> Parser::term() {
  const Token &token = peek();
  std::string text(spelling(token));
  Expr expr = leaf(Expr::Kind::Int, token.loc, text);
  switch (token.kind) {
  case Kind::Int:
    expr.text.clear();
    expr.integer = integerOf(text);
    break;
  case Kind::Size:
    expr.kind = Expr::Kind::Size;
    expr.integer = integerOf(text);
    break;
  case Kind::Float:
    expr.kind = Expr::Kind::Float;
    expr.real = realOf(text);
    break;
  case Kind::String:
    expr.kind = Expr::Kind::String;
    expr.text = stringOf(text);
    break;
  case Kind::Id:
    if (text != "true" && text != "false")
      return callOrName();
    expr.kind = Expr::Kind::Bool;
    expr.integer = text == "true";
    expr.text.clear();
    break;
  case Kind::Punct:
    if (text == "(")
      return parentheses();
    if (text == "-")
      return errorHere("numbers have no sign; write `0 - 5`");
    [[fallthrough]];
  case Kind::End:
    return expected("a value");
  }
  advance();
  return Tree{share(std::move(expr)), 1};
}

Result<Parser::Tree> Parser::callOrName() {
  Expr expr = leaf(Expr::Kind::Name, peek().loc, std::string(spelling(peek())));
  advance();
  Tree out;
  // A parenthesis on the next line would be taken for a call as well; nothing begins with one.
  if (atPunct("(")) {
    expr.kind = Expr::Kind::Call;
    RECAST_TRY(arguments(expr.args, out.height));
  }
  out.expr = share(std::move(expr));
  while (atPunct(".")) {
    advance();
    Location loc = peek().loc;
    RECAST_ASSIGN(std::string member, expectName("a name after `.`"));
    if (++out.height > kMaxHeight)
      return errorHere("this name has too many parts");
    Expr outer = leaf(Expr::Kind::Member, loc, std::move(member));
    outer.operands = {std::move(out.expr)};
    out.expr = share(std::move(outer));
  }
  return out;
}

/// `( [arg {, arg}] )` of a call; `height` becomes that of the call.
Status Parser::arguments(std::vector<Arg> &args, unsigned &height) {
  RECAST_TRY(deeper());
  flag(Token::OpensCall);
  advance();
  height = 1;
  if (!atPunct(")")) {
    do {
      Arg arg;
      if (atName() && atPunct("=", 1)) {
        arg.name = spelling(peek());
        advance();
        advance();
      }
      RECAST_ASSIGN(Tree value, coalesce());
      height = std::max(height, value.height + 1);
      arg.value = std::move(value.expr);
      args.push_back(std::move(arg));
    } while (takePunct(","));
  }
  RECAST_TRY(expectPunct(")", "or `,` after an argument"));
  --depth_;
  if (height > kMaxHeight)
    return errorHere("this expression is nested too deeply");
  return {};
}

Result<Parser::Tree> Parser::parentheses() {
  RECAST_TRY(deeper());
  Expr expr = leaf(Expr::Kind::Tuple, peek().loc);
  Tree out;
  advance();
  if (atPunct(")"))
    return expected("a value between the parentheses");
  do {
    Arg arg;
    if (atName() && atPunct("=", 1)) {
      arg.name = spelling(peek());
      advance();
      advance();
    }
    RECAST_ASSIGN(Tree value, coalesce());
    out.height = std::max(out.height, value.height + 1);
    arg.value = std::move(value.expr);
    expr.args.push_back(std::move(arg));
  } while (takePunct(","));
  if (atPunct("==") || atPunct("!=") || atPunct("<") || atPunct(">") || atPunct("<=") ||
      atPunct(">=") || atWord("and"))
    return errorHere("a condition cannot stand in parentheses; join conditions with `and`");
  RECAST_TRY(expectPunct(")", "or `,` after a value"));
  --depth_;
  if (out.height > kMaxHeight)
    return errorHere("this expression is nested too deeply");
  if (expr.args.size() == 1 && expr.args[0].name.empty())
    out.expr = std::move(expr.args[0].value); // Only parentheses.
  else
    out.expr = share(std::move(expr));
  return out;
}

Result<Operation> Parser::call(std::string_view what) {
  Operation out;
  out.loc = peek().loc;
  RECAST_ASSIGN(out.name, expectName(what));
  unsigned height = 0;
  if (atPunct("("))
    RECAST_TRY(arguments(out.args, height));
  return out;
}

} // namespace recast::lang
