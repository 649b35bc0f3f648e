#include "lang/ucl/Check.h"

#include "Texts.h"
#include "lang/ucl/Parser.h"

#include <gtest/gtest.h>

namespace recast::lang {
namespace {

constexpr std::string_view kEnds = "source run = deepspeed(\"in\") as same\n"
                                   "target uni = deepspeed_universal(\"uni\") as same\n"
                                   "target hub = safetensors(\"hub\") as same\n";

/// The findings about a text, or "fine".
std::string findings(const std::string &text) {
  auto spec = parseAndCheck(text, "job.ucl");
  if (spec)
    return "fine";
  EXPECT_EQ(spec.error().code(), Code::Usage);
  return spec.error().message();
}

/// About statements on line 4 of a text, from column 1.
std::string inJob(std::string_view statements) {
  return findings(std::string(kEnds) + "convert run -> uni, hub {\n" + std::string(statements) +
                  "\n}");
}

/// First line of the findings.
std::string first(const std::string &findings) { return findings.substr(0, findings.find('\n')); }

TEST(Check, GoodSpecsPass) {
  EXPECT_EQ(findings(std::string(test::kJob0)), "fine");
  for (const char *statements :
       {"", "else: keep", "weight: keep", "weight in \"a*\": keep weight in \"b*\": master",
        "weight: master | cast(bf16) master: keep", "for uni { else: keep } for hub { else: keep }",
        "weight: role(cast) | cast(f32)", "drop weight drop step in \"x\"",
        "weight: keep | cast(f8e4m3fn, overflow = saturate)",
        "weight: keep | cast(float8_e5m2, overflow = ieee) | cast(bfloat16, round = rne)",
        "weight: cast(f16, overflow = ieee)", "buffer: cast(i64)",
        "objects { a.b, c: keep  else: drop }",
        "for uni { objects { a: keep } } objects { b: drop }",
        "objects { a: keep } for uni { objects { else: drop } }",
        "expect run.zero == 3 and run.mesh == (dp = 8)", "check weight == run.weight",
        "for uni, hub { files { \"a\", \"b*\": copy from \"x\" } }",
        "for uni { files { \"a\": copy from \"x\" } } for hub { files { \"a\": copy from \"x\" } "
        "}"})
    EXPECT_EQ(inJob(statements), "fine") << statements;
}

struct Golden {
  const char *text, *message;
};
class CheckErrors : public testing::TestWithParam<Golden> {};
TEST_P(CheckErrors, SayWhatAndWhere) { EXPECT_EQ(findings(GetParam().text), GetParam().message); }

INSTANTIATE_TEST_SUITE_P(
    Messages, CheckErrors,
    testing::Values(
        Golden{
            "source run = safetensor(\"x\") as same",
            "job.ucl:1:14: unknown format `safetensor`; did you mean `safetensors`?; this "
            "version has `deepspeed`, `deepspeed_universal`, `safetensors`, `torch` and `memory`\n"
            "  1 | source run = safetensor(\"x\") as same\n"
            "    |              ^~~~~~~~~~"},
        Golden{"source a = safetensors(\"x\") as same\n"
               "target b = safetensors(\"y\") as same\n"
               "convert a -> b, bb, a { for c { else: keep } }",
               "job.ucl:3:21: `a` is a source; a job writes to targets\n"
               "  3 | convert a -> b, bb, a { for c { else: keep } }\n"
               "    |                     ^\n"
               "job.ucl:3:17: there is no target `bb`; did you mean `b`?\n"
               "  3 | convert a -> b, bb, a { for c { else: keep } }\n"
               "    |                 ^~\n"
               "job.ucl:3:29: `c` is no target of this job; did you mean `b`?\n"
               "  3 | convert a -> b, bb, a { for c { else: keep } }\n"
               "    |                             ^"},
        Golden{"source a = safetensors(\"x\") as same\n"
               "target a = safetensors(\"y\") as same",
               "job.ucl:2:8: there is a source or target `a` already\n"
               "  2 | target a = safetensors(\"y\") as same\n"
               "    |        ^"},
        Golden{"source a = safetensors(\"x\") as same",
               "job.ucl: there is no job; write `convert SOURCE -> TARGET { .. }`"}));

TEST(Check, EndsOfAJob) {
  auto about = [](std::string_view job) {
    return first(findings(std::string(kEnds) + std::string(job)));
  };
  EXPECT_EQ(about("convert rum -> hub {}"),
            "job.ucl:4:9: there is no source `rum`; did you mean `run`?");
  EXPECT_EQ(about("convert hub -> uni {}"),
            "job.ucl:4:9: `hub` is a target; a job reads from a source");
  EXPECT_EQ(about("convert run -> run {}"),
            "job.ucl:4:16: `run` is a source; a job writes to targets");
  EXPECT_EQ(about("convert run -> hub, uni, hub {}"),
            "job.ucl:4:26: `hub` stands twice among the targets");
  EXPECT_EQ(about("convert run -> uni {} convert run -> uni {}"),
            "job.ucl:4:38: another job writes `uni` already");
  EXPECT_EQ(about("convert run -> uni { for hub { else: keep } }"),
            "job.ucl:4:26: `hub` is no target of this job");
}

TEST(Check, Endpoints) {
  auto about = [](std::string_view text) { return first(findings(std::string(text))); };
  EXPECT_EQ(about("source a = dcp(\"x\") as same"),
            "job.ucl:1:12: the format `dcp` is not part of this version, which has `deepspeed`, "
            "`deepspeed_universal`, `safetensors`, `torch` and `memory`");
  EXPECT_EQ(about("source a = safetensors() as same"),
            "job.ucl:1:12: an endpoint needs a path, as in `safetensors(\"export\")`");
  EXPECT_EQ(about("let src = \"x\" source a = safetensors(srcc) as same"),
            "job.ucl:1:38: the path must be a text in quotes; nothing is called `srcc`; did you "
            "mean `src`?");
  EXPECT_EQ(about("source a = safetensors(3) as same"),
            "job.ucl:1:24: the path must be a text in quotes that is not empty");
  EXPECT_EQ(about("source a = safetensors(\"\") as same"),
            "job.ucl:1:24: the path must be a text in quotes that is not empty");
  EXPECT_EQ(about("source a = safetensors(\"x\", \"y\") as same"),
            "job.ucl:1:29: an endpoint has one path; other arguments are written `name = value`");
  EXPECT_EQ(about("source a = safetensors(\"x\", t = 1, t = 2) as same"),
            "job.ucl:1:36: the argument `t` stands twice");
  EXPECT_EQ(about("source a = safetensors(config(\"x\")) as same"),
            "job.ucl:1:24: there is no function `config`");
  EXPECT_EQ(about("let a = \"x\" source a = safetensors(a) as same"),
            "job.ucl:1:20: `a` is a `let` already; give the source another name");
  EXPECT_EQ(about("let a = 1 let a = 2"), "job.ucl:1:19: `let a` stands twice");
  EXPECT_EQ(about("let a = b let b = a"), "job.ucl:1:9: `b` is defined by itself");
  EXPECT_EQ(about("target a = safetensors(\"x\") as same target b = safetensors(\"x\") as same"),
            "job.ucl:1:60: `a` and `b` would be written to the same place");
}

TEST(Check, MeshesAndSteps) {
  auto about = [](std::string_view how) {
    return first(findings("target a = safetensors(\"x\") as same " + std::string(how)));
  };
  EXPECT_EQ(about("on (dp = 0)"), "job.ucl:1:41: the mesh axis `dp` has no ranks");
  EXPECT_EQ(about("on (dp = 2, dp = 2)"), "job.ucl:1:49: `dp` stands twice in the mesh");
  EXPECT_EQ(about("on (dp = 2, tp = 9223372036854775807)"),
            "job.ucl:1:49: this mesh has more than 2^31 ranks");
  EXPECT_EQ(about("on (dp = 2) replicated pp"),
            "job.ucl:1:60: `pp` is no axis of the mesh; did you mean `dp`?");
  EXPECT_EQ(about("{ \"*\" chunk 0 by dp }"),
            "job.ucl:1:54: `dp` needs a mesh: write `on (dp = ..)`");
  EXPECT_EQ(about("{ \"*\" chunk 0 by tq } on (dp = 2, tp = 2)"),
            "job.ucl:1:54: `tq` is no axis of the mesh; did you mean `tp`?");
  EXPECT_EQ(about("{ \"*\" split d0 by tp chunk 0 by tp } on (tp = 2)"),
            "job.ucl:1:69: the mesh axis `tp` is used twice for one name");
  EXPECT_EQ(about("{ \"*\" pad d0 to multiple of 128 * tq } on (tp = 2)"),
            "job.ucl:1:69: `*` does not apply to these values");
  EXPECT_EQ(about("{ \"*\" pad d0 to multiple of tq } on (tp = 2)"),
            "job.ucl:1:65: nothing is called `tq`; a multiple is made of numbers, `let`s and axes "
            "of the mesh");
  EXPECT_EQ(about("{ \"*\" pad d0 to multiple of 0 }"),
            "job.ucl:1:65: a multiple is a whole number of at least 1");
  EXPECT_EQ(about("{ \"\" chunk 0 by tp } on (tp = 2)"),
            "job.ucl:1:39: an empty name pattern matches nothing");
  EXPECT_EQ(
      first(findings("source a = safetensors(\"x\") as same { \"*\" chunk 0 by tp } on (tp = 2)")),
      "job.ucl:1:43: how a source is laid out is read from its files; of layout steps it takes "
      "`varying` and `stage` only");
  EXPECT_EQ(first(findings(
                "source a = safetensors(\"x\") as same { \"*\" stage pp at 3 1 } on (dp = 2)")),
            "job.ucl:1:43: the coordinates of a stage are not negative and rise");
  EXPECT_EQ(
      first(findings("source a = safetensors(\"x\") as same { \"*\" varying tp } on (dp = 2)")),
      "job.ucl:1:51: `tp` is no axis of the mesh; did you mean `dp`?");
}

TEST(Check, Operations) {
  auto about = [](std::string_view statements) { return first(inJob(statements)); };
  EXPECT_EQ(about("weight: keep | csat(bf16)"),
            "job.ucl:5:16: unknown operation `csat`; a role can only begin a chain");
  EXPECT_EQ(about("weight: kast(bf16)"),
            "job.ucl:5:9: unknown operation `kast`; did you mean `cast`?");
  EXPECT_EQ(about("weight: keep | master"),
            "job.ucl:5:16: unknown operation `master`; a role can only begin a chain");
  EXPECT_EQ(about("weight: xor(previous)"),
            "job.ucl:5:9: the operation `xor` is not part of this version");
  EXPECT_EQ(about("weight: master | predict(exp_avg, s = 1, rule = sgd)"),
            "job.ucl:5:18: `predict` can only begin a chain");
  EXPECT_EQ(about("weight: predict(master, exp_avg, s = 1, rule = sgdd)"),
            "job.ucl:5:48: `rule` is sgd or sgdm or adam or adamw here; did you mean `sgd`?");
  EXPECT_EQ(about("weight: predict(master, exp_avg, rule = sgd)"),
            "job.ucl:5:9: `predict` does not say `s = ..`: how many updates ahead");
  EXPECT_EQ(about("weight: predict(master, exp_avg, s = 1 + p.lag * 2, rule = sgd)"),
            "job.ucl:5:44: the lag of a pipeline stands alone, as in `s = p.lag`: it differs "
            "between stages, so nothing can be computed with it");
  EXPECT_EQ(about("weight: predict(master, s = 1, exp_avg, rule = sgd)"),
            "job.ucl:5:32: the roles of `predict` stand before its named arguments");
  EXPECT_EQ(about("weight: predict(master, exp_avg, s = 1, rule = sgd, betas = (1, x))"),
            "job.ucl:5:61: `betas` is a pair of numbers, as in (0.9, 0.999)");
  EXPECT_EQ(about("weight: average(1)"), "job.ucl:5:9: `average` takes no arguments");
  EXPECT_EQ(about("weight: master | select(0)"),
            "job.ucl:5:18: `select` takes one coordinate of a mesh axis, as in `select(dp = 0)`");
  EXPECT_EQ(about("weight: select(dp = 0 - 1)"),
            "job.ucl:5:23: a coordinate is a whole number, counted from 0");
  EXPECT_EQ(about("weight: drop"), "job.ucl:5:9: `drop` is a statement: write `drop ROLE`, or "
                                   "`role(drop)` for a role that is called so");
  EXPECT_EQ(about("weight: cast(bf16) | keep"), "job.ucl:5:22: `keep` can only begin a chain");
  EXPECT_EQ(about("weight: keep(1)"), "job.ucl:5:9: `keep` takes no arguments");
  EXPECT_EQ(about("weight: role"),
            "job.ucl:5:9: `role` takes the name of a role, as in `role(cast)`");
  EXPECT_EQ(about("weight: cast"), "job.ucl:5:9: `cast` needs a dtype, as in `cast(bf16)`");
  EXPECT_EQ(about("weight: cast(bf61)"),
            "job.ucl:5:14: unknown dtype `bf61`; a cast goes to u8, i8, u16, i16, u32, i32, u64, "
            "i64, f16, bf16, f32, f64, f8e4m3fn, f8e5m2");
  EXPECT_EQ(about("weight: cast(bf17)").substr(0, 56),
            "job.ucl:5:14: unknown dtype `bf17`; did you mean `bf16`?");
  EXPECT_EQ(about("weight: cast(f8e8m0)").substr(0, 45),
            "job.ucl:5:14: there is no cast to `f8e8m0`; a");
  EXPECT_EQ(about("weight: cast(\"bf16\")").substr(0, 47),
            "job.ucl:5:14: a cast needs the name of a dtype;");
  EXPECT_EQ(about("weight: cast(f8e4m3fn)"),
            "job.ucl:5:14: a cast to f8e4m3fn must say what becomes of values that are too large: "
            "cast(f8e4m3fn, overflow = saturate) or overflow = nan");
  EXPECT_EQ(about("weight: cast(f8e4m3fn, overflow = saturat)"),
            "job.ucl:5:35: `overflow` is saturate or nan here; did you mean `saturate`?");
  EXPECT_EQ(about("weight: cast(f8e5m2, overflow = nan)"),
            "job.ucl:5:33: `overflow` is saturate or ieee here");
  EXPECT_EQ(about("weight: cast(bf16, overflow = saturate)"),
            "job.ucl:5:31: `overflow` is ieee here");
  EXPECT_EQ(about("weight: cast(bf16, overfow = nan)"),
            "job.ucl:5:20: `cast` has no argument `overfow`; did you mean `overflow`?");
  EXPECT_EQ(about("weight: cast(bf16, round = up)"), "job.ucl:5:28: `round` is rne here");
  EXPECT_EQ(about("weight: cast(bf16, f16)"),
            "job.ucl:5:9: `cast` takes one dtype, `overflow = ..` and `round = ..`");
}

TEST(Check, EachMemberHasOneStatement) {
  auto about = [](std::string_view statements) { return first(inJob(statements)); };
  EXPECT_EQ(about("weight: keep\nweight: master"),
            "job.ucl:6:1: a statement for `weight` stands twice here");
  EXPECT_EQ(about("weight: keep\nmaster, weight: keep"),
            "job.ucl:6:9: a statement for `weight` stands twice here");
  EXPECT_EQ(about("weight: keep\ndrop weight"),
            "job.ucl:6:6: a statement for `weight` stands twice here");
  EXPECT_EQ(about("weight in \"a\": keep\nweight: keep"),
            "job.ucl:6:1: a statement for `weight` stands twice here");
  EXPECT_EQ(about("weight in \"a\", \"b\": keep\nweight in \"b\": keep"),
            "job.ucl:6:1: a statement for `weight` stands twice here");
  EXPECT_EQ(about("weight: keep\nfor hub { weight: keep }"),
            "job.ucl:6:11: a statement for `weight` stands twice (it is given for all targets)");
  EXPECT_EQ(about("for hub { weight: keep }\nweight: keep"),
            "job.ucl:6:1: a statement for `weight` stands twice for `hub`");
  EXPECT_EQ(about("for hub { weight: keep }\nfor uni, hub { weight: keep }"),
            "job.ucl:6:16: a statement for `weight` stands twice for `hub`");
  EXPECT_EQ(about("master, master: keep"), "job.ucl:5:9: `master` stands twice in this statement");
  EXPECT_EQ(about("else: keep\ndrop else"), "job.ucl:6:6: `else` stands twice here");
  EXPECT_EQ(about("objects { a: keep }\nobjects { a: drop }"),
            "job.ucl:6:11: a rule for the object `a` stands twice here");
  EXPECT_EQ(about("objects { a.b, a.b: keep }"),
            "job.ucl:5:16: the object `a.b` stands twice in this rule");
  EXPECT_EQ(about("objects { else: keep  else: drop }"),
            "job.ucl:5:23: `else` stands twice among the objects here");
  EXPECT_EQ(about("files { \"a\": copy from \"x\" }\nfiles { \"a\": copy from \"y\" }"),
            "job.ucl:6:9: \"a\" is copied twice here");
  EXPECT_EQ(about("budget 1GiB\nbudget 1GiB"), "job.ucl:6:1: a job has one budget");
}

TEST(Check, TheRest) {
  auto about = [](std::string_view statements) { return first(inJob(statements)); };
  EXPECT_EQ(about("for hub { budget 1GiB }"),
            "job.ucl:5:11: a budget holds for the whole job, not for one target");
  EXPECT_EQ(about("budget 0B"),
            "job.ucl:5:1: a budget is more than nothing and at most 2^63 - 1 bytes");
  EXPECT_EQ(
      about("for hub { for uni { else: keep } }"),
      "job.ucl:5:11: `for` cannot stand inside `for`; name all targets of a block at its head");
  EXPECT_EQ(about("objects { rng: kep }"),
            "job.ucl:5:16: `kep` is nothing to do with an object; did you mean `keep`?; there are "
            "`keep`, `drop`, `set`, `merge`, `per_rank` and `by_name`");
  EXPECT_EQ(about("objects { rng: set }"), "job.ucl:5:16: `set` takes one value, as in `set(4)`");
  EXPECT_EQ(about("objects { rng: keep(1) }"), "job.ucl:5:16: `keep` takes no arguments");
  EXPECT_EQ(
      about("files { \"../x\": copy from \"y\" }"),
      "job.ucl:5:9: a file to copy lies inside the folder after `from`: no `..`, no leading `/`");
  EXPECT_EQ(
      about("files { \"x\": copy from y }"),
      "job.ucl:5:24: the folder after `from` must be a text in quotes; nothing is called `y`");
  EXPECT_EQ(about("expect rum.zero == 3"), "job.ucl:5:8: `rum` is no source or target of this job, "
                                           "and no pipeline; did you mean `run`?");
  EXPECT_EQ(about("check rel_rmse(weight) <= 2e-2"),
            "job.ucl:5:7: there is no function `rel_rmse` in this version");
}

TEST(Check, ListsHaveNoGroup) {
  auto about = [](std::string_view attributes) {
    return first(
        findings("pipeline p { ranks = 1 microbatches = 1 " + std::string(attributes) + " }"));
  };
  EXPECT_EQ(about("group = 1 rank_of = 0 actions = \"0F0 0B0\""),
            "job.ucl:1:1: `group` is for kinds of schedules, and `actions` are the lists "
            "themselves");
  EXPECT_EQ(about("rank_of = 0 actions = \"0F0 0B0\""), "fine");
}

TEST(Check, ManyFindingsAreCut) {
  std::string statements;
  for (int i = 0; i < 100000; ++i)
    statements += "weight: keep ";
  std::string all = inJob(statements);
  EXPECT_TRUE(all.ends_with("\n... and more")) << all.substr(all.size() - 100);
  EXPECT_EQ(first(all), "job.ucl:5:14: a statement for `weight` stands twice here");
}

TEST(Check, WithoutATextThereIsNoExcerpt) {
  auto spec = parse("source a = safetensors(\"x\") as same convert a -> b {}", "job.ucl");
  ASSERT_TRUE(spec);
  auto status = check(*spec);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "job.ucl:1:37: there is no target `b`");
}

/// What no text can say must be refused in a built spec.
TEST(Check, BuiltSpecsMustBeSayable) {
  auto refused = [](auto build) {
    SpecBuilder s;
    auto run = s.source("run", safetensors("in"));
    auto hub = s.target("hub", safetensors("out"));
    auto job = s.convert(run, {hub});
    build(s, job, hub);
    auto status = check(s.spec());
    return status ? std::string("fine") : status.error().message();
  };
  using S = SpecBuilder &;
  using J = JobRef &;
  using E = EndpointRef &;
  EXPECT_EQ(refused([](S, J j, E) { j.keep({"weight"}); }), "fine");
  EXPECT_EQ(refused([](S, J j, E) { j.keep({"a-b"}); }),
            "`a-b` cannot name a role: names are letters, digits and _");
  EXPECT_EQ(refused([](S, J j, E) { j.keep({"true"}); }),
            "`true` cannot name a role: names are letters, digits and _");
  EXPECT_EQ(refused([](S, J j, E) { j.keep({"else"}); }), "`else` cannot name a role");
  EXPECT_EQ(refused([](S, J j, E) { j.keep({}); }), "a statement needs a role");
  EXPECT_EQ(refused([](S, J j, E) { j.role("a") = Chain{}; }),
            "a statement needs an operation, such as `keep`");
  EXPECT_EQ(refused([](S, J j, E) { j.elseRoles().in({"x"}) = keep(); }), "`else` stands alone");
  EXPECT_EQ(refused([](S, J j, E) { j.objects().keep({""}); }),
            "`` cannot name an object: names are letters, digits and _");
  EXPECT_EQ(refused([](S, J j, E) { j.objects().keep({"else"}); }), "this is no key of an object");
  EXPECT_EQ(refused([](S, J j, E) { j.forTargets({}); }), "`for` needs a target");
  EXPECT_EQ(refused([](S, J j, E) { j.files({}, "x"); }), "`files` needs a name");
  EXPECT_EQ(refused([](S, J j, E) { j.budget(UINT64_MAX); }),
            "a budget is more than nothing and at most 2^63 - 1 bytes");
  EXPECT_EQ(refused([](S, J j, E) { j.expect(Value(ExprPtr())); }), "a value is missing");
  EXPECT_EQ(refused([](S, J j, E) { j.expect(Value(1) == (Value(1) == Value(2))); }),
            "a condition (`==`) cannot stand inside a value");
  EXPECT_EQ(refused([](S, J j, E) { j.expect(Value(1) && (Value(1) && Value(2))); }),
            "conditions are joined from the left: (a and b) and c");
  EXPECT_EQ(refused([](S, J j, E) { j.expect((Value(1) + Value(2))["x"] == 1); }),
            "only a name or a call has members");
  EXPECT_EQ(refused([](S, J j, E) { j.check(name("a b") == 1); }), "`a b` is no name");
  EXPECT_EQ(refused([](S s, J, E) { s.let("x", tuple({})); }),
            "a tuple needs two elements, or one with a name");
  EXPECT_EQ(refused([](S s, J, E) { s.let("x", std::string("a\0b", 3)); }),
            "a text cannot hold a NUL byte");
  EXPECT_EQ(refused([](S s, J, E) { s.let("x", bytes(UINT64_MAX)); }),
            "a number below zero; write `0 - 5`");
  EXPECT_EQ(refused([](S s, J, E) { s.let("x y", 1); }),
            "`x y` cannot name a `let`: names are letters, digits and _");
  EXPECT_EQ(refused([](S, J, E e) { e.same("*", {}); }), "a rule of `as same` needs a layout step");
  EXPECT_EQ(refused([](S, J, E e) { e.same("*", {chunk(-1, "tp")}).on({{"tp", 1}}); }),
            "dimensions are numbered from 0");
  EXPECT_EQ(refused([](S, J, E e) { e.same("*", {split({"d0"}, {"tp"}, "odd")}).on({{"tp", 1}}); }),
            "a split is (even), (ceil), (balanced) or (widths 3 5)");
  EXPECT_EQ(refused([](S, J, E e) { e.same("*", {flat("tp", "rank")}).on({{"tp", 1}}); }),
            "`flat` is per `param` or per `group`");
  Value deep(1);
  for (int i = 0; i < 5000; ++i)
    deep = deep + Value(1);
  EXPECT_EQ(refused([&](S s, J, E) { s.let("x", deep); }), "this expression is nested too deeply");
}

TEST(Check, ListsOfEndlessLengthAreRefused) {
  std::string many, wide = "source s = safetensors(\"x\") as same convert s -> a";
  for (int i = 0; i < 20000; ++i)
    many += "let a" + std::to_string(i) + " = 1 ", wide += ",a";
  EXPECT_EQ(findings(many),
            "job.ucl: a spec has at most 1000 `let`s, sources and targets, and jobs");
  EXPECT_EQ(findings(wide + "{}"),
            "job.ucl: a spec has at most 1000 `let`s, sources and targets, and jobs");
}

TEST(Check, ALetMayNameAModelThatAnotherLetApplies) {
  auto spec =
      parseAndCheck("use \"std/llama.ucl\" let n = llama(config(\"c.json\")) let m = n "
                    "source a = safetensors(\"a\") as hf(m) "
                    "target b = safetensors(\"b\") as fused(n) convert a -> b { weight: keep }");
  EXPECT_TRUE(spec) << spec.error().str();
}

} // namespace
} // namespace recast::lang
