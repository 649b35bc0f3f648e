#include "lang/ucl/ParserImpl.h"

#include <fmt/format.h>

namespace recast::lang {
namespace {
constexpr KnownWord kSplitRules[] = {
    {"even", true}, {"ceil", true}, {"balanced", true}, {"widths", true}};
constexpr KnownWord kFlatUnits[] = {{"param", true}, {"group", true}};
} // namespace

Result<Endpoint> Parser::endpoint() {
  Endpoint out;
  out.loc = peek().loc;
  out.isTarget = atWord("target");
  std::string_view kind = out.isTarget ? "target" : "source";
  advance();
  RECAST_ASSIGN(out.name, expectName(fmt::format("a name for the {}", kind)));
  RECAST_TRY(expectPunct("=", fmt::format("and a format after the name of the {}", kind)));
  RECAST_ASSIGN(out.format, formatName());
  if (!atPunct("("))
    return expected(fmt::format("`(` and a path after the format `{}`", out.format));
  unsigned height = 0;
  RECAST_TRY(arguments(out.args, height));
  flag(Token::BeforeHow);
  RECAST_TRY(expectWord("as", "`as same` or `as VIEW(MODEL)`"));
  RECAST_TRY(how(out));
  // What may follow is optional, and the next item begins with a word of its own.
  if (takeWord("on"))
    RECAST_TRY(mesh(out));
  if (takeWord("replicated")) {
    if (out.mesh.empty())
      return fail(errorAt(source_, out.loc, kind.size(),
                          "`replicated` names axes of a mesh; write `on (..)` before it"));
    RECAST_ASSIGN(out.replicated, names("the name of a mesh axis"));
  }
  if (takeWord("stages")) {
    RECAST_ASSIGN(out.stages, expectName("the name of a pipeline after `stages`"));
  }
  if (atWord("base"))
    return errorHere("deltas are not part of this version, and `base` is what one stands on");
  return out;
}

// `deepspeed-universal` is what the command line takes; a text may say it too.
Result<std::string> Parser::formatName() {
  RECAST_ASSIGN(std::string name, expectName("the name of a format"));
  while (atPunct("-") && atName(1)) {
    flag(Token::Joins);
    advance();
    name += '_';
    name += spelling(peek());
    advance();
  }
  return name;
}

Status Parser::how(Endpoint &endpoint) {
  if (atName() && (!atWord("same") || atPunct("(", 1))) {
    endpoint.view = spelling(peek());
    advance();
    if (!atPunct("("))
      return expected(fmt::format("`(` and the model of the view `{}`; without a view write `same`",
                                  endpoint.view));
    flag(Token::OpensCall);
    advance();
    RECAST_ASSIGN(endpoint.model, expression());
    return expectPunct(")", "after the model of a view");
  }
  RECAST_TRY(expectWord("same", "`same` or a view after `as`"));
  if (!takePunct("{"))
    return {};
  while (!atPunct("}")) {
    flag(Token::BeginsItem);
    RECAST_ASSIGN(SameRule rule, sameRule());
    endpoint.same.push_back(std::move(rule));
  }
  advance();
  return {};
}

Result<SameRule> Parser::sameRule() {
  SameRule rule;
  rule.names.loc = peek().loc;
  RECAST_ASSIGN(rule.names.text, expectString("a name pattern in quotes, or `}`"));
  do {
    RECAST_ASSIGN(LayoutStep made, step());
    rule.steps.push_back(std::move(made));
  } while (atKind(Kind::Id));
  return rule;
}

Result<LayoutStep> Parser::step() {
  LayoutStep out;
  out.loc = peek().loc;
  if (takeWord("pad")) {
    PadStep pad;
    RECAST_ASSIGN(pad.axis, expectName("an axis after `pad`"));
    RECAST_TRY(expectWord("to", "`to multiple of`"));
    RECAST_TRY(expectWord("multiple", "`to multiple of`"));
    RECAST_TRY(expectWord("of", "`to multiple of`"));
    RECAST_ASSIGN(pad.multiple, expression());
    out.step = std::move(pad);
  } else if (takeWord("split")) {
    RECAST_ASSIGN(out.step, splitStep());
  } else if (takeWord("chunk")) {
    ChunkStep chunk;
    if (!atKind(Kind::Int))
      return expected("the number of a dimension after `chunk`");
    chunk.dim = integerOf(spelling(peek()));
    advance();
    RECAST_TRY(expectWord("by", "`by` and a mesh axis"));
    RECAST_ASSIGN(chunk.by, expectName("a mesh axis after `by`"));
    out.step = std::move(chunk);
  } else if (takeWord("flat")) {
    FlatStep flat;
    RECAST_ASSIGN(flat.by, expectName("a mesh axis after `flat`"));
    RECAST_TRY(expectWord("per", "`per param` or `per group`"));
    flat.per = spelling(peek());
    if (!findWord(kFlatUnits, flat.per))
      return expected("`param` or `group` after `per`");
    advance();
    out.step = std::move(flat);
  } else if (takeWord("stage")) {
    StageStep stage;
    RECAST_ASSIGN(stage.by, expectName("a mesh axis after `stage`"));
    if (atWord("at") && atKind(Kind::Int, 1)) { // Else `at` begins the path of the next rule.
      advance();
      for (; atKind(Kind::Int); advance())
        stage.at.push_back(integerOf(spelling(peek())));
    }
    out.step = std::move(stage);
  } else if (takeWord("varying")) {
    RECAST_ASSIGN(std::string by, expectName("a mesh axis after `varying`"));
    out.step = VaryingStep{std::move(by)};
  } else {
    std::string near = atKind(Kind::Id) ? didYouMean(spelling(peek()), stepWords()) : std::string();
    return errorHere(fmt::format("expected a layout step ({}), found {}{}",
                                 listOf(stepWords(), "or"), describe(peek()), near));
  }
  return out;
}

Result<SplitStep> Parser::splitStep() {
  SplitStep split;
  do {
    RECAST_ASSIGN(std::string axis, expectName("an axis after `split`"));
    split.axes.push_back(std::move(axis));
  } while (!atWord("by"));
  advance();
  RECAST_ASSIGN(split.by, names("a mesh axis after `by`"));
  if (!takePunct("("))
    return split;
  split.rule = spelling(peek());
  if (!findWord(kSplitRules, split.rule))
    return expected("`even`, `ceil`, `balanced` or `widths`");
  advance();
  if (split.rule == "widths") {
    do {
      if (!atKind(Kind::Int))
        return expected("a width");
      split.widths.push_back(integerOf(spelling(peek())));
      advance();
    } while (!atPunct(")"));
  }
  RECAST_TRY(expectPunct(")", "after the rule of a split"));
  return split;
}

Status Parser::mesh(Endpoint &endpoint) {
  RECAST_TRY(expectPunct("(", "and the axes of a mesh, as in `on (dp = 2, tp = 4)`"));
  do {
    RECAST_ASSIGN(std::string axis, expectName("the name of a mesh axis"));
    RECAST_TRY(expectPunct("=", "and the size of the mesh axis"));
    if (!atKind(Kind::Int))
      return expected("the size of the mesh axis, a whole number");
    endpoint.mesh.emplace_back(std::move(axis), integerOf(spelling(peek())));
    advance();
  } while (takePunct(","));
  return expectPunct(")", "or `,` after a mesh axis");
}

} // namespace recast::lang
