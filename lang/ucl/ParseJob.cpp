#include "lang/ucl/ParserImpl.h"

#include <fmt/format.h>

namespace recast::lang {

Result<Job> Parser::job() {
  Job out;
  out.loc = peek().loc;
  out.verb = spelling(peek());
  advance();
  RECAST_ASSIGN(out.source, expectName(fmt::format("the name of a source after `{}`", out.verb)));
  if (atWord("from"))
    return errorHere("deltas are not part of this version, and `from` names the base of one");
  RECAST_TRY(expectPunct("->", "and the targets after the source"));
  RECAST_ASSIGN(out.targets, names("the name of a target"));
  RECAST_TRY(body(out.body, "the job"));
  return out;
}

Status Parser::body(std::vector<Statement> &body, std::string_view what) {
  RECAST_TRY(deeper());
  if (!atPunct("{"))
    return expected(fmt::format("`{{` and the statements of {}", what));
  flag(Token::OpensBody);
  advance();
  while (!atPunct("}")) {
    if (atKind(Kind::End))
      return expected(fmt::format("`}}` at the end of {}", what));
    flag(Token::BeginsItem);
    RECAST_ASSIGN(Statement made, statement());
    body.push_back(std::move(made));
  }
  advance();
  --depth_;
  return {};
}

bool Parser::isRole(size_t ahead) const {
  if (!atName(ahead) || atWord("else", ahead))
    return false;
  if (atPunct(":", ahead + 1) || atPunct(",", ahead + 1))
    return true;
  // `in` begins the names of a selection only where a name follows: `drop in` drops the role `in`.
  if (!atWord("in", ahead + 1))
    return false;
  if (atKind(Kind::String, ahead + 2))
    return true;
  // Words that begin or continue a statement may be followed by a name `in` of their own, and then
  // by the next statement: with paths, they are no roles (`check` says so of built specs).
  return !isStatementWord(spelling(peek(ahead))) && atPath(ahead + 2);
}

Result<Statement> Parser::statement() {
  Statement out;
  out.loc = peek().loc;
  if (atWord("else") || isRole())
    return roleStatement();
  if (!atName())
    return expected("a statement or `}`");
  if (atWord("for"))
    return forStatement();
  if (atWord("objects"))
    return objectsStatement();
  if (atWord("files"))
    return filesStatement();
  if (atWord("budget"))
    return budgetStatement();
  if (takeWord("drop")) {
    DropStatement drop;
    RECAST_ASSIGN(drop.selection, selection(/*isStatement=*/false));
    out.node = std::move(drop);
    return out;
  }
  if (takeWord("expect")) {
    ExpectStatement expect;
    RECAST_ASSIGN(expect.condition, condition());
    out.node = std::move(expect);
    return out;
  }
  if (takeWord("check")) {
    CheckStatement check;
    RECAST_ASSIGN(check.condition, condition());
    if (atWord("otherwise") && !isRole()) {
      advance();
      RECAST_ASSIGN(check.otherwise, expectName("what to do after `otherwise`"));
    }
    out.node = std::move(check);
    return out;
  }
  if (takeWord("deadline")) {
    DeadlineStatement deadline;
    RECAST_ASSIGN(deadline.pipeline, expectName("the name of a pipeline after `deadline`"));
    out.node = std::move(deadline);
    return out;
  }
  if (atWord("init"))
    return initStatement();
  if (takeWord("only")) {
    OnlyStatement only;
    RECAST_TRY(pathsAndGlobs(only.in, only.paths));
    out.node = std::move(only);
    return out;
  }
  std::string_view word = spelling(peek());
  if (findWord(statementWords(), word))
    return errorHere(fmt::format("`{}` is not part of this version", word));
  if (atWord("in", 1)) {
    advance();
    advance();
    return expected("a name pattern in quotes or a path of the model after `in`");
  }
  // A role without its colon, or a misspelt statement.
  std::string near = didYouMean(word, statementWords());
  if (!near.empty())
    return errorHere(fmt::format("unknown statement {}{}", describe(peek()), near));
  std::string role = describe(peek());
  advance();
  return expected(fmt::format("`:` and what to do with the role {}", role));
}

Result<Statement> Parser::roleStatement() {
  Statement out;
  out.loc = peek().loc;
  RoleStatement role;
  RECAST_ASSIGN(role.selection, selection(/*isStatement=*/true));
  RECAST_TRY(expectPunct(":", "and what to do"));
  RECAST_ASSIGN(role.chain, chain());
  out.node = std::move(role);
  return out;
}

Result<Selection> Parser::selection(bool isStatement) {
  Selection out;
  out.loc = peek().loc;
  if (takeWord("else")) {
    out.isElse = true;
    if (isStatement && !atPunct(":"))
      return expected("`:` and what to do with everything else");
    return out;
  }
  RECAST_ASSIGN(out.roles, names("the name of a role"));
  // After `drop a`, `in : keep` is the next statement.
  if (!atWord("in") || (!isStatement && isRole()))
    return out;
  advance();
  RECAST_TRY(pathsAndGlobs(out.in, out.paths));
  return out;
}

Result<Statement> Parser::initStatement() {
  Statement out;
  out.loc = peek().loc;
  advance();
  InitStatement init;
  RECAST_ASSIGN(init.selection, selection(/*isStatement=*/true));
  RECAST_TRY(expectPunct(":", "and a value such as `zeros`"));
  RECAST_ASSIGN(init.value, call(listOf(initWords(), "or")));
  out.node = std::move(init);
  return out;
}

Result<std::vector<Operation>> Parser::chain() {
  std::vector<Operation> out;
  do {
    RECAST_ASSIGN(Operation made,
                  call(out.empty() ? "an operation or a role" : "an operation after `|`"));
    out.push_back(std::move(made));
  } while (takePunct("|"));
  return out;
}

Result<Statement> Parser::forStatement() {
  Statement out;
  out.loc = peek().loc;
  advance();
  ForStatement block;
  RECAST_ASSIGN(block.targets, names("the name of a target after `for`"));
  RECAST_TRY(body(block.body, "`for`"));
  out.node = std::move(block);
  return out;
}

Result<Statement> Parser::objectsStatement() {
  Statement out;
  out.loc = peek().loc;
  advance();
  ObjectsStatement objects;
  RECAST_TRY(expectPunct("{", "and the rules for objects"));
  while (!takePunct("}")) {
    if (atKind(Kind::End))
      return expected("`}` at the end of `objects`");
    flag(Token::BeginsItem);
    RECAST_ASSIGN(ObjectRule rule, objectRule());
    objects.rules.push_back(std::move(rule));
  }
  out.node = std::move(objects);
  return out;
}

Result<ObjectRule> Parser::objectRule() {
  ObjectRule rule;
  rule.loc = peek().loc;
  if (takeWord("else")) {
    rule.isElse = true;
  } else {
    do {
      Ref key;
      key.loc = peek().loc;
      do {
        RECAST_ASSIGN(std::string part, expectName("the name of an object"));
        key.parts.push_back(std::move(part));
      } while (takePunct("."));
      rule.keys.push_back(std::move(key));
    } while (takePunct(","));
  }
  RECAST_TRY(expectPunct(":", "and what to do with the object"));
  RECAST_ASSIGN(rule.policy, call(listOf(objectPolicyWords(), "or")));
  return rule;
}

Result<Statement> Parser::filesStatement() {
  Statement out;
  out.loc = peek().loc;
  advance();
  FilesStatement files;
  RECAST_TRY(expectPunct("{", "and the names of files"));
  flag(Token::BeginsItem);
  RECAST_ASSIGN(files.names, globs("the name of a file in quotes"));
  RECAST_TRY(expectPunct(":", "and `copy from` after the names of files"));
  RECAST_TRY(expectWord("copy", "`copy from` and a folder"));
  RECAST_TRY(expectWord("from", "`from` and a folder"));
  RECAST_ASSIGN(files.from, expression());
  RECAST_TRY(expectPunct("}", "at the end of `files`"));
  out.node = std::move(files);
  return out;
}

Result<Statement> Parser::budgetStatement() {
  Statement out;
  out.loc = peek().loc;
  advance();
  if (atKind(Kind::Int) && atKind(Kind::Id, 1))
    return errorHere("a size has no blank before its unit, as in `512MiB`");
  if (!atKind(Kind::Size))
    return expected("a size such as `512MiB`");
  BudgetStatement budget;
  budget.text = spelling(peek());
  budget.bytes = static_cast<uint64_t>(integerOf(budget.text));
  advance();
  out.node = std::move(budget);
  return out;
}

} // namespace recast::lang
