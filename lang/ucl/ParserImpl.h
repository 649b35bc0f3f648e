// The recursive-descent parser behind Parser.h: at most two tokens of look-ahead, bounded depth.
#pragma once

#include "lang/ucl/Parser.h"

#include <algorithm>
#include <initializer_list>

namespace recast::lang {

class Parser {
public:
  Parser(const SourceText &source, TokenList &list) : source_(source), tokens_(list.tokens) {}
  Result<Spec> file();
  Result<ExprPtr> value();

private:
  using Kind = Token::Kind;
  /// Nesting of parentheses and `for`s, and height of an expression; a hand-written spec needs ten.
  static constexpr unsigned kMaxDepth = 64;
  /// Operators and members in a row make trees as high as the row is long.
  static constexpr unsigned kMaxHeight = 256;

  // ---- tokens
  const Token &peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  std::string_view spelling(const Token &token) const {
    return source_.text.substr(token.begin, token.end - token.begin);
  }
  bool atKind(Kind kind, size_t ahead = 0) const { return peek(ahead).kind == kind; }
  bool atPunct(std::string_view punct, size_t ahead = 0) const {
    return atKind(Kind::Punct, ahead) && spelling(peek(ahead)) == punct;
  }
  bool atWord(std::string_view word, size_t ahead = 0) const {
    return atKind(Kind::Id, ahead) && spelling(peek(ahead)) == word;
  }
  /// A name, not `true` or `false`.
  bool atName(size_t ahead = 0) const {
    return atKind(Kind::Id, ahead) && !atWord("true", ahead) && !atWord("false", ahead);
  }
  void advance() { at_ += at_ + 1 < tokens_.size(); }
  void flag(Token::Flag flag) { tokens_[at_].flags |= flag; }
  bool takePunct(std::string_view punct);
  bool takeWord(std::string_view word);
  Status expectPunct(std::string_view punct, std::string_view where);
  /// `what` is said to be expected; empty: the word itself.
  Status expectWord(std::string_view word, std::string_view what = {});
  Result<std::string> expectName(std::string_view what);
  Result<std::string> expectString(std::string_view what);
  /// `a, b, c`
  Result<std::vector<std::string>> names(std::string_view what);
  /// `"a", "b*"`
  Result<std::vector<Glob>> globs(std::string_view what);

  // ---- errors
  tl::unexpected<Error> errorHere(std::string_view message) const;
  tl::unexpected<Error> errorAtToken(const Token &token, std::string_view message) const;
  /// "the end of the text", "`x`", ...
  std::string describe(const Token &token) const;
  /// "expected WHAT, found ..."
  tl::unexpected<Error> expected(std::string_view what) const;
  Status deeper();

  // ---- expressions (ParseExpr.cpp)
  struct Tree {
    ExprPtr expr;
    unsigned height = 1;
  };
  Result<ExprPtr> expression();
  Result<ExprPtr> condition();
  Result<Tree> relation();
  Result<Tree> leftAssociative(std::initializer_list<std::string_view> operators,
                               Result<Tree> (Parser::*operand)());
  Result<Tree> coalesce();
  Result<Tree> sum();
  Result<Tree> product();
  Result<Tree> term();
  Result<Tree> callOrName();
  Result<Tree> parentheses();
  Result<Tree> joined(const Token &op, Tree left, Tree right);
  Status arguments(std::vector<Arg> &args, unsigned &height);
  Result<Operation> call(std::string_view what);

  // ---- endpoints (ParseEndpoint.cpp)
  Result<Endpoint> endpoint();
  Result<std::string> formatName();
  Status how(Endpoint &endpoint);
  Result<SameRule> sameRule();
  Result<LayoutStep> step();
  Result<SplitStep> splitStep();
  Status mesh(Endpoint &endpoint);

  // ---- models and views (ParseModel.cpp)
  Result<Model> model();
  Result<std::vector<ModelItem>> modelItems();
  Result<GroupDecl> group();
  Result<TensorDecl> tensor();
  Result<View> view();
  Result<ViewRule> viewRule();
  Result<Path> path();
  Result<PathSegment> pathSegment();
  /// Whether a path may begin at the token.
  bool atPath(size_t ahead = 0) const;
  bool atStep() const;
  Status pathsAndGlobs(std::vector<Glob> &globs, std::vector<Path> &paths);

  // ---- pipelines (ParsePipeline.cpp)
  Result<Pipeline> pipeline();
  Result<AssignRule> assignRule();

  // ---- jobs (ParseJob.cpp)
  Result<Job> job();
  Status body(std::vector<Statement> &body, std::string_view what);
  Result<Statement> statement();
  Result<Statement> roleStatement();
  Result<Statement> forStatement();
  Result<Statement> objectsStatement();
  Result<ObjectRule> objectRule();
  Result<Statement> filesStatement();
  Result<Statement> budgetStatement();
  Result<Statement> initStatement();
  Result<Selection> selection(bool isStatement);
  Result<std::vector<Operation>> chain();
  /// Whether the word at `ahead` begins a role statement: `:`, `,` or `in` follows.
  bool isRole(size_t ahead = 0) const;

  SourceText source_;
  std::vector<Token> &tokens_;
  size_t at_ = 0;
  unsigned depth_ = 0;
};

} // namespace recast::lang
