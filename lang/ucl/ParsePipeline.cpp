#include "lang/ucl/ParserImpl.h"

#include <fmt/format.h>

namespace recast::lang {

Result<Pipeline> Parser::pipeline() {
  Pipeline out;
  out.loc = peek().loc;
  advance();
  RECAST_ASSIGN(out.name, expectName("a name for the pipeline"));
  if (!atPunct("{"))
    return expected("`{` and what the pipeline is");
  flag(Token::OpensBody);
  advance();
  while (!takePunct("}")) {
    if (atKind(Kind::End))
      return expected("`}` at the end of the pipeline");
    flag(Token::BeginsItem);
    if (atWord("assign") && atPunct("{", 1)) {
      advance();
      advance();
      while (!takePunct("}")) {
        if (atKind(Kind::End))
          return expected("`}` at the end of `assign`");
        flag(Token::BeginsItem);
        RECAST_ASSIGN(AssignRule rule, assignRule());
        out.assign.push_back(std::move(rule));
      }
      continue;
    }
    Arg attribute;
    RECAST_ASSIGN(attribute.name, expectName("an attribute of the pipeline or `}`"));
    RECAST_TRY(expectPunct("=", "and the value of the attribute"));
    RECAST_ASSIGN(attribute.value, expression());
    out.attributes.push_back(std::move(attribute));
  }
  return out;
}

Result<AssignRule> Parser::assignRule() {
  AssignRule rule;
  rule.loc = peek().loc;
  RECAST_TRY(pathsAndGlobs(rule.names, rule.paths));
  RECAST_TRY(expectPunct(":", "and which stage owns it"));
  RECAST_ASSIGN(rule.how, call(listOf(assignWords(), "or")));
  return rule;
}

} // namespace recast::lang
