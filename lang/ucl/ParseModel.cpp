// Models and views.
#include "lang/ucl/ParserImpl.h"

#include <fmt/format.h>

namespace recast::lang {

Result<Model> Parser::model() {
  Model out;
  out.loc = peek().loc;
  advance();
  RECAST_ASSIGN(out.name, expectName("a name after `model`"));
  if (!atPunct("("))
    return expected("`(` and the parameters of the model");
  flag(Token::OpensCall);
  advance();
  if (!atPunct(")")) {
    RECAST_ASSIGN(out.params, names("the name of a parameter"));
  }
  RECAST_TRY(expectPunct(")", "after the parameters"));
  if (!atPunct("{"))
    return expected("`{` and the tensors of the model");
  flag(Token::OpensBody);
  advance();
  if (atWord("dims") && !atPunct("(", 1) && !atPunct("[", 1)) {
    flag(Token::BeginsItem);
    advance();
    do {
      Dim dim;
      RECAST_ASSIGN(dim.name, expectName("the name of a dimension"));
      RECAST_TRY(expectPunct("=", "and the size of the dimension"));
      RECAST_ASSIGN(dim.size, expression());
      out.dims.push_back(std::move(dim));
    } while (takePunct(","));
  }
  RECAST_ASSIGN(out.items, modelItems());
  return out;
}

/// Tensors and groups up to the `}`, which is taken.
Result<std::vector<ModelItem>> Parser::modelItems() {
  RECAST_TRY(deeper());
  std::vector<ModelItem> out;
  while (!takePunct("}")) {
    if (atKind(Kind::End))
      return expected("`}` at the end of a model or group");
    flag(Token::BeginsItem);
    if (atPunct("[", 1)) {
      RECAST_ASSIGN(GroupDecl group, this->group());
      out.push_back({std::move(group)});
    } else {
      RECAST_ASSIGN(TensorDecl tensor, this->tensor());
      out.push_back({std::move(tensor)});
    }
  }
  --depth_;
  return out;
}

Result<GroupDecl> Parser::group() {
  GroupDecl out;
  out.loc = peek().loc;
  RECAST_ASSIGN(out.name, expectName("the name of a group"));
  flag(Token::Tight);
  advance(); // `[`, seen by the caller.
  RECAST_ASSIGN(out.index, expectName("the index of the group"));
  RECAST_TRY(expectPunct("<", "and the number of members, as in `layer[l < L]`"));
  RECAST_ASSIGN(out.below, expression());
  RECAST_TRY(expectPunct("]", "after the number of members"));
  if (!atPunct("{"))
    return expected("`{` and the tensors of the group");
  flag(Token::OpensBody);
  advance();
  RECAST_ASSIGN(out.items, modelItems());
  return out;
}

Result<TensorDecl> Parser::tensor() {
  TensorDecl out;
  out.loc = peek().loc;
  RECAST_ASSIGN(out.name, expectName("the name of a tensor or group, or `}`"));
  if (!atPunct("("))
    return expected(
        fmt::format("`(` and the axes of the tensor `{}`, or `[` of a group", out.name));
  advance();
  if (!atPunct(")")) {
    do {
      std::vector<std::string> axis;
      do {
        RECAST_ASSIGN(std::string factor, expectName("an axis"));
        axis.push_back(std::move(factor));
      } while (atName());
      out.axes.push_back(std::move(axis));
    } while (takePunct(","));
  }
  RECAST_TRY(expectPunct(")", "or `,` after an axis"));
  // A tensor may be called `tied`: then its axes follow. None is called `when`, `if` or `and`
  // (`check` says so): a condition may begin with a parenthesis.
  if (atWord("tied") && !atPunct("(", 1)) {
    advance();
    RECAST_ASSIGN(out.tied, path());
    if (takeWord("when")) {
      RECAST_ASSIGN(out.when, condition());
    }
  }
  if (takeWord("if")) {
    RECAST_ASSIGN(out.condition, condition());
  }
  return out;
}

Result<Path> Parser::path() {
  Path out;
  out.loc = peek().loc;
  do {
    RECAST_ASSIGN(PathSegment segment, pathSegment());
    out.segments.push_back(std::move(segment));
  } while (takePunct("."));
  return out;
}

Result<PathSegment> Parser::pathSegment() {
  PathSegment out;
  if (atPunct("{")) {
    flag(Token::InPath);
    advance();
    RECAST_ASSIGN(out.index, expectName("the variable of a choice, as in `{n: q k v}`"));
    RECAST_TRY(expectPunct(":", "and the names of a choice"));
    do {
      RECAST_ASSIGN(std::string member, expectName("a name of the choice"));
      out.members.push_back(std::move(member));
    } while (!atPunct("}"));
    flag(Token::InPath);
    advance();
    return out;
  }
  if (takePunct("[")) {
    RECAST_ASSIGN(out.members, names("a name of the pack"));
    RECAST_TRY(expectPunct("]", "or `,` in a pack"));
    return out;
  }
  RECAST_ASSIGN(out.name, expectName("a tensor or group of the model"));
  if (atPunct("[")) {
    flag(Token::Tight);
    advance();
    RECAST_ASSIGN(out.index, expectName("an index, as in `layer[l]`"));
    RECAST_TRY(expectPunct("]", "after an index"));
  }
  return out;
}

bool Parser::atPath(size_t ahead) const {
  return atName(ahead) || atPunct("{", ahead) || atPunct("[", ahead);
}

Status Parser::pathsAndGlobs(std::vector<Glob> &globs, std::vector<Path> &paths) {
  do {
    if (atKind(Kind::String)) {
      Location loc = peek().loc;
      RECAST_ASSIGN(std::string text, expectString("a name pattern"));
      globs.push_back({std::move(text), loc});
    } else if (atPath()) {
      RECAST_ASSIGN(Path made, path());
      paths.push_back(std::move(made));
    } else {
      return expected("a name pattern in quotes or a path of the model");
    }
  } while (takePunct(","));
  return {};
}

Result<View> Parser::view() {
  View out;
  out.loc = peek().loc;
  advance();
  RECAST_ASSIGN(out.name, expectName("a name after `view`"));
  RECAST_TRY(expectWord("of", "`of` and the model of the view"));
  RECAST_ASSIGN(out.model, expectName("the name of a model"));
  if (takeWord("over")) {
    RECAST_TRY(expectPunct("(", "and the mesh axes that the view cuts over"));
    RECAST_ASSIGN(out.over, names("the name of a mesh axis"));
    RECAST_TRY(expectPunct(")", "or `,` after a mesh axis"));
  }
  if (!atPunct("{"))
    return expected("`{` and the rules of the view");
  flag(Token::OpensBody);
  advance();
  while (!takePunct("}")) {
    if (atKind(Kind::End))
      return expected("`}` at the end of the view");
    flag(Token::BeginsItem);
    if (atWord("ignore") && atKind(Kind::String, 1)) {
      advance();
      Location loc = peek().loc;
      RECAST_ASSIGN(std::string text, expectString("a name pattern"));
      out.ignores.push_back({std::move(text), loc});
    } else {
      RECAST_ASSIGN(ViewRule rule, viewRule());
      out.rules.push_back(std::move(rule));
    }
  }
  return out;
}

/// Whether a word that begins a step stands here, and no path that is called like one.
bool Parser::atStep() const {
  return atKind(Kind::Id) && findWord(stepWords(), spelling(peek())) && !atPunct("=", 1) &&
         !atPunct(".", 1) && !atPunct("[", 1);
}

Result<ViewRule> Parser::viewRule() {
  ViewRule out;
  out.loc = peek().loc;
  if (!atPath())
    return expected("a rule, `ignore` or `}`");
  RECAST_ASSIGN(out.path, path());
  RECAST_TRY(expectPunct("=", "and the stored name"));
  if (atName() && atPunct("(", 1))
    return errorHere("encoded tensors (`quantised(codes: \"..\", scales: \"..\")`) are not part of "
                     "this version");
  RECAST_ASSIGN(out.stored, expectString("the stored name in quotes"));
  if (takePunct(":")) {
    RECAST_ASSIGN(out.map, expectString("a map in quotes, as in \"((g r d) + (g d)) h\""));
  }
  while (atStep()) {
    RECAST_ASSIGN(LayoutStep made, step());
    out.steps.push_back(std::move(made));
  }
  if (atWord("if") && !atPunct("=", 1) && !atPunct(".", 1) && !atPunct("[", 1)) {
    advance();
    RECAST_ASSIGN(out.condition, condition());
  }
  return out;
}

} // namespace recast::lang
