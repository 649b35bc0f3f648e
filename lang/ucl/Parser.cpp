#include "lang/ucl/Parser.h"

#include "lang/ucl/ParserImpl.h"

#include <fmt/format.h>

namespace recast::lang {

// ---- tokens

bool Parser::takePunct(std::string_view punct) {
  if (!atPunct(punct))
    return false;
  advance();
  return true;
}

bool Parser::takeWord(std::string_view word) {
  if (!atWord(word))
    return false;
  advance();
  return true;
}

Status Parser::expectPunct(std::string_view punct, std::string_view where) {
  if (takePunct(punct))
    return {};
  return expected(fmt::format("`{}` {}", punct, where));
}

Status Parser::expectWord(std::string_view word, std::string_view what) {
  if (takeWord(word))
    return {};
  return expected(what.empty() ? quoted(word) : std::string(what));
}

Result<std::string> Parser::expectName(std::string_view what) {
  if (!atName())
    return expected(what);
  std::string name(spelling(peek()));
  advance();
  return name;
}

Result<std::string> Parser::expectString(std::string_view what) {
  if (!atKind(Kind::String))
    return expected(what);
  std::string text = stringOf(spelling(peek()));
  advance();
  return text;
}

Result<std::vector<std::string>> Parser::names(std::string_view what) {
  std::vector<std::string> out;
  do {
    RECAST_ASSIGN(std::string name, expectName(what));
    out.push_back(std::move(name));
  } while (takePunct(","));
  return out;
}

Result<std::vector<Glob>> Parser::globs(std::string_view what) {
  std::vector<Glob> out;
  do {
    Location loc = peek().loc;
    RECAST_ASSIGN(std::string text, expectString(what));
    out.push_back({std::move(text), loc});
  } while (takePunct(","));
  return out;
}

// ---- errors

tl::unexpected<Error> Parser::errorAtToken(const Token &token, std::string_view message) const {
  return fail(errorAt(source_, token.loc, token.end - token.begin, message));
}

tl::unexpected<Error> Parser::errorHere(std::string_view message) const {
  return errorAtToken(peek(), message);
}

std::string Parser::describe(const Token &token) const {
  if (token.kind == Kind::End)
    return "the end of the text";
  std::string_view text = spelling(token);
  if (text.size() <= 40)
    return token.kind == Kind::String ? std::string(text) : quoted(text);
  switch (token.kind) {
  case Kind::Id:
    return "a long name";
  case Kind::String:
    return "a text";
  default:
    return "a number";
  }
}

tl::unexpected<Error> Parser::expected(std::string_view what) const {
  std::string hint;
  if (atWord("true") || atWord("false"))
    hint = " (a reserved word)";
  return errorHere(fmt::format("expected {}, found {}{}", what, describe(peek()), hint));
}

Status Parser::deeper() {
  if (++depth_ > kMaxDepth)
    return errorHere(fmt::format("nested too deeply (more than {} levels)", kMaxDepth));
  return {};
}

// ---- the file

Result<Spec> Parser::file() {
  Spec spec;
  spec.file = source_.file;
  while (!atKind(Kind::End)) {
    flag(Token::BeginsItem);
    const Token &start = peek();
    if (start.kind != Kind::Id)
      return expected(listOf(itemWords(), "or"));
    std::string word(spelling(start));
    if (word == "use") {
      Use use;
      use.loc = start.loc;
      advance();
      RECAST_ASSIGN(use.path, expectString("the name of a file in quotes after `use`"));
      spec.uses.push_back(std::move(use));
    } else if (word == "let") {
      advance();
      RECAST_ASSIGN(std::string name, expectName("a name after `let`"));
      RECAST_TRY(expectPunct("=", "and a value"));
      RECAST_ASSIGN(ExprPtr value, expression());
      spec.lets.emplace_back(std::move(name), std::move(value));
    } else if (word == "source" || word == "target") {
      RECAST_ASSIGN(Endpoint made, endpoint());
      spec.endpoints.push_back(std::move(made));
    } else if (word == "convert" || word == "restore") {
      RECAST_ASSIGN(Job made, job());
      spec.jobs.push_back(std::move(made));
    } else if (word == "model") {
      RECAST_ASSIGN(Model made, model());
      spec.models.push_back(std::move(made));
    } else if (word == "view") {
      RECAST_ASSIGN(View made, view());
      spec.views.push_back(std::move(made));
    } else if (word == "pipeline") {
      RECAST_ASSIGN(Pipeline made, pipeline());
      spec.pipelines.push_back(std::move(made));
    } else if (findWord(itemWords(), word)) {
      return errorHere(fmt::format(
          "`{}` jobs are not part of this version, which has `convert` and `restore`", word));
    } else {
      return errorHere(fmt::format("expected {}, found {}{}", listOf(itemWords(), "or"),
                                   describe(start), didYouMean(word, itemWords())));
    }
  }
  return spec;
}

Result<ExprPtr> Parser::value() {
  RECAST_ASSIGN(ExprPtr out, expression());
  if (!atKind(Kind::End))
    return expected("the end of the value");
  return out;
}

Result<ExprPtr> parseValue(std::string_view text, std::string_view file) {
  SourceText source{text, file};
  RECAST_ASSIGN(TokenList list, lex(source));
  return Parser(source, list).value();
}

Result<Spec> parseTokens(const SourceText &source, TokenList &list) {
  return Parser(source, list).file();
}

Result<Spec> parse(std::string_view text, std::string file) {
  SourceText source{text, file};
  RECAST_ASSIGN(TokenList list, lex(source));
  return parseTokens(source, list);
}

} // namespace recast::lang
