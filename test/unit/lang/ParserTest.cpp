#include "lang/ucl/Parser.h"

#include "Texts.h"

#include <gtest/gtest.h>

namespace recast::lang {
namespace {

Spec parsed(std::string_view text) {
  auto spec = parse(text, "job.ucl");
  if (!spec)
    ADD_FAILURE() << spec.error().str();
  return spec ? *spec : Spec{};
}

std::string errorOf(std::string_view text) {
  auto spec = parse(text, "job.ucl");
  if (spec)
    return "no error";
  EXPECT_EQ(spec.error().code(), Code::Usage);
  return spec.error().message();
}

/// A job around one statement, so that it stands on line 1 from column 19.
std::string inJob(std::string_view statement) {
  return "convert a -> b, c {" + std::string(statement) + "}";
}

const Statement &only(const Spec &spec) { return spec.jobs.at(0).body.at(0); }

TEST(Parser, JobZero) {
  Spec spec = parsed(test::kJob0);
  ASSERT_EQ(spec.endpoints.size(), 3u);
  EXPECT_EQ(spec.file, "job.ucl");
  EXPECT_FALSE(spec.endpoints[0].isTarget);
  EXPECT_EQ(spec.endpoints[1].format, "deepspeed_universal"); // Written with a dash.
  EXPECT_EQ(spec.endpoints[2].args.at(0).value->text, "export");
  ASSERT_EQ(spec.jobs.size(), 1u);
  const Job &job = spec.jobs[0];
  EXPECT_EQ(job.verb, "convert");
  EXPECT_EQ(job.source, "run");
  EXPECT_EQ(job.targets, (std::vector<std::string>{"uni", "hub"}));
  ASSERT_EQ(job.body.size(), 3u);
  auto &hub = std::get<ForStatement>(job.body[1].node);
  ASSERT_EQ(hub.body.size(), 6u);
  auto &weight = std::get<RoleStatement>(hub.body[0].node);
  EXPECT_EQ(weight.selection.roles, std::vector<std::string>{"weight"});
  ASSERT_EQ(weight.chain.size(), 2u);
  EXPECT_EQ(weight.chain[0].name, "master");
  EXPECT_EQ(weight.chain[1].args.at(0).value->text, "bf16");
  EXPECT_EQ(std::get<DropStatement>(hub.body[3].node).selection.roles.size(), 4u);
  EXPECT_TRUE(std::get<ObjectsStatement>(hub.body[4].node).rules.at(0).isElse);
  EXPECT_EQ(std::get<FilesStatement>(hub.body[5].node).names.at(1).text, "tokenizer*");
  EXPECT_EQ(std::get<BudgetStatement>(job.body[2].node).bytes, uint64_t{512} << 20);
  EXPECT_EQ(job.body[2].loc.line, 8u);
  EXPECT_EQ(job.body[2].loc.column, 3u);
}

TEST(Parser, EmptyTextIsAnEmptySpec) {
  EXPECT_EQ(parsed(""), Spec{});
  EXPECT_EQ(parsed("# only a comment"), Spec{});
  EXPECT_EQ(parsed("\xEF\xBB\xBF \t\r\n"), Spec{});
}

TEST(Parser, LineEndsOnlySeparate) {
  std::string text(test::kJob0), crlf, flat;
  for (char c : text) {
    crlf += c == '\n' ? "\r\n" : std::string(1, c);
    flat += c == '\n' ? ' ' : c;
  }
  EXPECT_EQ(parsed(crlf), parsed(text));
  EXPECT_EQ(parsed(flat), parsed(text));
}

TEST(Parser, WordsOfTheGrammarAreRolesWhereTheyMust) {
  for (const char *word : {"for", "drop", "objects", "files", "expect", "check", "budget", "init",
                           "only", "deadline", "otherwise", "and", "in", "as", "same", "keep"}) {
    Spec spec = parsed(inJob(std::string(word) + " : keep"));
    EXPECT_EQ(std::get<RoleStatement>(only(spec).node).selection.roles,
              std::vector<std::string>{word});
    spec = parsed(inJob(std::string(word) + ", x : keep"));
    EXPECT_EQ(std::get<RoleStatement>(only(spec).node).selection.roles.size(), 2u);
    spec = parsed(inJob(std::string(word) + " in \"x*\" : keep"));
    EXPECT_EQ(std::get<RoleStatement>(only(spec).node).selection.in.size(), 1u) << word;
    // And as the next statement behind those that could go on.
    for (const char *before : {"drop a ", "expect a.b == 1 ", "check a == b ", "a : keep "})
      EXPECT_EQ(parsed(inJob(std::string(before) + word + " : keep")).jobs.at(0).body.size(), 2u)
          << before << word;
  }
  EXPECT_EQ(std::get<DropStatement>(only(parsed(inJob("drop in"))).node).selection.roles,
            std::vector<std::string>{"in"});
  EXPECT_EQ(parsed(inJob("drop in weight : keep")).jobs.at(0).body.size(), 2u);
  EXPECT_EQ(parsed(inJob("drop drop")).jobs.at(0).body.size(), 1u);
}

TEST(Parser, OperatorsBindAndAssociate) {
  auto same = [](std::string_view a, std::string_view b) {
    auto x = parseValue(a, "a"), y = parseValue(b, "b");
    return x && y && equal(*x, *y);
  };
  EXPECT_TRUE(same("1 + 2 * 3", "1 + (2 * 3)"));
  EXPECT_TRUE(same("1 - 2 - 3", "(1 - 2) - 3"));
  EXPECT_FALSE(same("1 - 2 - 3", "1 - (2 - 3)"));
  EXPECT_TRUE(same("a ?? b + 1 ?? c", "(a ?? (b + 1)) ?? c"));
  EXPECT_TRUE(same("8 / 4 * 2", "(8 / 4) * 2"));
  EXPECT_TRUE(same("((x))", "x"));
  EXPECT_FALSE(same("(x = 1)", "1"));
  EXPECT_FALSE(same("f()", "f"));
  EXPECT_TRUE(same("f(1, b = 2).x.y", " f ( 1,b=2 ) . x . y "));
  EXPECT_TRUE(same("1024KiB", "1MiB"));
  EXPECT_FALSE(same("1B", "1"));
  EXPECT_FALSE(same("1", "1.0"));
  EXPECT_TRUE(same("0.5", "5e-1"));
  EXPECT_TRUE(same("1E+2", "100.0"));
  EXPECT_TRUE(same(R"("a\"\\\n\t\x41")", "\"a\\\"\\\\\\x0a\\x09A\""));
}

TEST(Parser, NumbersAtTheEdge) {
  auto value = parseValue("9223372036854775807", "");
  ASSERT_TRUE(value);
  EXPECT_EQ((*value)->integer, INT64_MAX);
  EXPECT_FALSE(parseValue("9223372036854775808", ""));
  EXPECT_TRUE(parseValue("8191PiB", ""));
  EXPECT_FALSE(parseValue("8192PiB", ""));
  EXPECT_FALSE(parseValue("99999999999999999999999999GiB", ""));
  EXPECT_FALSE(parseValue("1e400", ""));
  EXPECT_FALSE(parseValue("1.5MiB", ""));
  EXPECT_FALSE(parseValue("1 2", ""));
  EXPECT_FALSE(parseValue("", ""));
}

struct Golden {
  const char *text, *message;
};

class ParserErrors : public testing::TestWithParam<Golden> {};

TEST_P(ParserErrors, PointAtThePlace) { EXPECT_EQ(errorOf(GetParam().text), GetParam().message); }

INSTANTIATE_TEST_SUITE_P(
    Messages, ParserErrors,
    testing::Values(
        Golden{"soruce run = deepspeed(\"x\") as same",
               "job.ucl:1:1: expected `use`, `let`, `model`, `view`, `source`, `target`, "
               "`convert`, `pipeline` or `restore`, found `soruce`; did you mean `source`?\n"
               "  1 | soruce run = deepspeed(\"x\") as same\n"
               "    | ^~~~~~"},
        Golden{"use std/llama.ucl",
               "job.ucl:1:5: expected the name of a file in quotes after `use`, found `std`\n"
               "  1 | use std/llama.ucl\n"
               "    |     ^~~"},
        Golden{"model m(c) { q (h, }", "job.ucl:1:20: expected an axis, found `}`\n"
                                       "  1 | model m(c) { q (h, }\n"
                                       "    |                    ^"},
        Golden{"model m() { layer[l L] {} }",
               "job.ucl:1:21: expected `<` and the number of members, as in `layer[l < L]`, found "
               "`L`\n"
               "  1 | model m() { layer[l L] {} }\n"
               "    |                     ^"},
        Golden{"view v of m { layer[l].{n q} = \"x\" }",
               "job.ucl:1:27: expected `:` and the names of a choice, found `q`\n"
               "  1 | view v of m { layer[l].{n q} = \"x\" }\n"
               "    |                           ^"},
        Golden{"view v of m { q = gptq(codes: \"x\") }",
               "job.ucl:1:19: encoded tensors (`quantised(codes: \"..\", scales: \"..\")`) are not "
               "part of this version\n"
               "  1 | view v of m { q = gptq(codes: \"x\") }\n"
               "    |                   ^~~~"},
        Golden{"pipeline p { ranks 4 }",
               "job.ucl:1:20: expected `=` and the value of the attribute, found `4`\n"
               "  1 | pipeline p { ranks 4 }\n"
               "    |                    ^"},
        Golden{"append a -> b {}",
               "job.ucl:1:1: `append` jobs are not part of this version, which has `convert` and "
               "`restore`\n"
               "  1 | append a -> b {}\n"
               "    | ^~~~~~"},
        Golden{"source a = dcp(\"x\") as hf",
               "job.ucl:1:26: expected `(` and the model of the view `hf`; without a view write "
               "`same`, found the end of the text\n"
               "  1 | source a = dcp(\"x\") as hf\n"
               "    |                          ^"},
        Golden{"source a = dcp(\"x\")",
               "job.ucl:1:20: expected `as same` or `as VIEW(MODEL)`, found the end of the text\n"
               "  1 | source a = dcp(\"x\")\n"
               "    |                    ^"},
        Golden{"let true = 1",
               "job.ucl:1:5: expected a name after `let`, found `true` (a reserved word)\n"
               "  1 | let true = 1\n"
               "    |     ^~~~"},
        Golden{"let a = \"runs/z3\nlet b = 1",
               "job.ucl:1:9: this text has no closing quote on its line\n"
               "  1 | let a = \"runs/z3\n"
               "    |         ^~~~~~~~"},
        Golden{"let a = 512MB",
               "job.ucl:1:9: a number ends in `MB`, which is no unit; sizes are written in B, KiB, "
               "MiB, GiB, TiB or PiB, and names do not begin with a digit\n"
               "  1 | let a = 512MB\n"
               "    |         ^~~~~"},
        Golden{"let a = -1", "job.ucl:1:9: numbers have no sign; write `0 - 5`\n"
                             "  1 | let a = -1\n"
                             "    |         ^"},
        Golden{"let a = \xC3\xA9", "job.ucl:1:9: unexpected character `\xC3\xA9`\n"
                                   "  1 | let a = \xC3\xA9\n"
                                   "    |         ^"},
        Golden{"let \xC3\xA4 = \"\xC3\xA9\xC3\xA9\" ? ",
               "job.ucl:1:5: unexpected character `\xC3\xA4`\n"
               "  1 | let \xC3\xA4 = \"\xC3\xA9\xC3\xA9\" ? \n"
               "    |     ^"},
        Golden{"let a = \"\xC3\xA9\xC3\xA9\" ?", "job.ucl:1:14: unexpected character `?`\n"
                                                 "  1 | let a = \"\xC3\xA9\xC3\xA9\" ?\n"
                                                 "    |              ^"},
        Golden{"let a = \"\xFF\"", "job.ucl:1:10: byte 0xff is not UTF-8\n"
                                   "  1 | let a = \"\xFF\"\n"
                                   "    |          ^"},
        Golden{"let a = \"\\q\"",
               "job.ucl:1:10: unknown escape; there are \\\", \\\\, \\n, \\t and \\xHH\n"
               "  1 | let a = \"\\q\"\n"
               "    |          ^"},
        Golden{"\tlet a = (1, \n", "job.ucl:2:1: expected a value, found the end of the text\n"
                                   "  2 | \n"
                                   "    | ^"},
        Golden{"\tlet\ta = )", "job.ucl:1:10: expected a value, found `)`\n"
                               "  1 | \tlet\ta = )\n"
                               "    | \t   \t    ^"},
        Golden{"convert a -> b { weight = keep }",
               "job.ucl:1:25: expected `:` and what to do with the role `weight`, found `=`\n"
               "  1 | convert a -> b { weight = keep }\n"
               "    |                         ^"},
        Golden{"convert a -> b { obejcts { else: keep } }",
               "job.ucl:1:18: unknown statement `obejcts`; did you mean `objects`?\n"
               "  1 | convert a -> b { obejcts { else: keep } }\n"
               "    |                  ^~~~~~~"},
        Golden{"convert a -> b { init weight zeros }",
               "job.ucl:1:30: expected `:` and a value such as `zeros`, found `zeros`\n"
               "  1 | convert a -> b { init weight zeros }\n"
               "    |                              ^~~~~"},
        Golden{"convert a -> b { weight in 3 : keep }",
               "job.ucl:1:28: expected a name pattern in quotes or a path of the model after `in`, "
               "found `3`\n"
               "  1 | convert a -> b { weight in 3 : keep }\n"
               "    |                            ^"},
        Golden{"convert a -> b { expect a.zero = 3 }",
               "job.ucl:1:32: a comparison is written `==`\n"
               "  1 | convert a -> b { expect a.zero = 3 }\n"
               "    |                                ^"},
        Golden{"convert a -> b { expect (a.x == 3) }",
               "job.ucl:1:30: a condition cannot stand in parentheses; join conditions with `and`\n"
               "  1 | convert a -> b { expect (a.x == 3) }\n"
               "    |                              ^~"},
        Golden{"convert a -> b { budget 512 MiB }",
               "job.ucl:1:25: a size has no blank before its unit, as in `512MiB`\n"
               "  1 | convert a -> b { budget 512 MiB }\n"
               "    |                         ^~~"},
        Golden{"convert a from c -> b {}",
               "job.ucl:1:11: deltas are not part of this version, and `from` names the base of "
               "one\n"
               "  1 | convert a from c -> b {}\n"
               "    |           ^~~~"},
        Golden{"target a = f(\"x\") as same { \"*\" chnk 0 by dp }",
               "job.ucl:1:33: expected a layout step (`pad`, `split`, `chunk`, `flat`, `stage` or "
               "`varying`), found `chnk`; did you mean `chunk`?\n"
               "  1 | target a = f(\"x\") as same { \"*\" chnk 0 by dp }\n"
               "    |                                 ^~~~"},
        Golden{"target a = f(\"x\") as same { \"*\" stage pp at }",
               "job.ucl:1:42: expected a layout step (`pad`, `split`, `chunk`, `flat`, `stage` or "
               "`varying`), found `at`\n"
               "  1 | target a = f(\"x\") as same { \"*\" stage pp at }\n"
               "    |                                          ^~"},
        Golden{"source a = f(\"x\") as same { \"*\" varying }",
               "job.ucl:1:41: expected a mesh axis after `varying`, found `}`\n"
               "  1 | source a = f(\"x\") as same { \"*\" varying }\n"
               "    |                                         ^"},
        Golden{"target a = f(\"x\") as same on (dp = n)",
               "job.ucl:1:36: expected the size of the mesh axis, a whole number, found `n`\n"
               "  1 | target a = f(\"x\") as same on (dp = n)\n"
               "    |                                    ^"},
        Golden{"target a = f(\"x\") as same replicated dp",
               "job.ucl:1:1: `replicated` names axes of a mesh; write `on (..)` before it\n"
               "  1 | target a = f(\"x\") as same replicated dp\n"
               "    | ^~~~~~"},
        Golden{"convert a -> b {\n  weight: keep\n",
               "job.ucl:3:1: expected `}` at the end of the job, found the end of the text\n"
               "  3 | \n"
               "    | ^"}));

TEST(Parser, ManyKindsOfNonsenseAreRefused) {
  for (const char *text : {"let",
                           "let a",
                           "let a =",
                           "let a = (",
                           "let a = ()",
                           "let a = (1",
                           "let a = f(",
                           "let a = f(1,)",
                           "let a = b.",
                           "let a = 1 +",
                           "let a = 1 2",
                           "let a = [1]",
                           "let a = a.true",
                           "source",
                           "source a",
                           "source a =",
                           "source a = f",
                           "source a = f(\"x\") as",
                           "source a = f(\"x\") as same {",
                           "source a = f(\"x\") as same { \"x\" }",
                           "source a = f(\"x\") as same on",
                           "source a = f(\"x\") as same on (",
                           "source a = f(\"x\") as same on (dp)",
                           "source a = f(\"x\") as same on (dp = 1.5)",
                           "source a = f(\"x\") as same on (dp = 2) replicated",
                           "source a = deep-(\"x\") as same",
                           "source a = f(\"x\") as same stages",
                           "pipeline",
                           "pipeline p",
                           "pipeline p { ranks = }",
                           "pipeline p { assign { } ",
                           "pipeline p { assign { x } }",
                           "pipeline p { assign { \"x\" : } }",
                           "source a = f(\"x\") as same base b",
                           "target a = f(\"x\") as same { \"x\" pad d0 to 2 }",
                           "target a = f(\"x\") as same { \"x\" split by tp }",
                           "target a = f(\"x\") as same { \"x\" split d0 by tp (odd) }",
                           "target a = f(\"x\") as same { \"x\" split d0 by tp (widths) }",
                           "target a = f(\"x\") as same { \"x\" chunk d0 by tp }",
                           "target a = f(\"x\") as same { \"x\" flat dp per rank }",
                           "target a = f(\"x\") as same { \"x\" flat dp } ",
                           "convert",
                           "convert a",
                           "convert a b",
                           "convert a ->",
                           "convert a -> b",
                           "convert a -> b,",
                           "convert a -> b { } }",
                           "convert a -> b { else }",
                           "convert a -> b { else in \"x\": keep }",
                           "convert a -> b { weight: }",
                           "convert a -> b { weight: keep | }",
                           "convert a -> b { weight: keep cast(bf16) }",
                           "convert a -> b { weight, : keep }",
                           "convert a -> b { weight in : keep }",
                           "convert a -> b { for { } }",
                           "convert a -> b { objects }",
                           "convert a -> b { objects { a } }",
                           "convert a -> b { objects { a. : keep } }",
                           "convert a -> b { objects { a : } }",
                           "convert a -> b { files { } }",
                           "convert a -> b { files { config : copy from \"x\" } }",
                           "convert a -> b { files { \"x\" : move from \"x\" } }",
                           "convert a -> b { files { \"x\" : copy \"x\" } }",
                           "convert a -> b { budget }",
                           "convert a -> b { budget 5 }",
                           "convert a -> b { expect }",
                           "convert a -> b { check }",
                           "convert a -> b { check a == b otherwise }",
                           "convert a -> b { drop }",
                           "convert a -> b { expect a == b == c }",
                           "convert a -> b { \"x\" : keep }"}) {
    std::string message = errorOf(text);
    EXPECT_TRUE(message.starts_with("job.ucl:1:")) << text << "\n" << message;
    EXPECT_NE(message.find('^'), std::string::npos) << text;
  }
}

TEST(Parser, LongLinesAreCutAroundTheCaret) {
  std::string message = errorOf("let a = \"" + std::string(5000, 'x') + "\" ? ");
  EXPECT_LT(message.size(), 400u);
  EXPECT_NE(message.find("xxx\" ?"), std::string::npos);
  EXPECT_TRUE(message.ends_with("^"));
}

TEST(Parser, TextWithoutNameIsCalledText) {
  auto spec = parse("let");
  ASSERT_FALSE(spec);
  EXPECT_TRUE(spec.error().message().starts_with("<text>:1:4: "));
}

} // namespace
} // namespace recast::lang
