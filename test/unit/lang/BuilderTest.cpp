#include "lang/ast/Builder.h"

#include "Texts.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Parser.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace recast::lang {
namespace {

/// Equal, and if not, both as text.
void expectSame(const Spec &built, const Spec &parsed) {
  EXPECT_TRUE(built == parsed) << "built:\n" << format(built) << "parsed:\n" << format(parsed);
}

TEST(Builder, SaysJobZero) {
  SpecBuilder s;
  test::buildJob0(s);
  auto parsed = parse(test::kJob0);
  ASSERT_TRUE(parsed) << parsed.error().str();
  expectSame(s.spec(), *parsed);
  auto status = check(s.spec());
  EXPECT_TRUE(status) << status.error().str();
}

TEST(Builder, SaysEverythingThatATextCan) {
  SpecBuilder s;
  test::buildEverything(s);
  auto parsed = parse(test::kEverything);
  ASSERT_TRUE(parsed) << parsed.error().str();
  expectSame(s.spec(), *parsed);
}

TEST(Builder, SaysTheExample) {
  SpecBuilder s;
  auto checkpoint = s.let("checkpoint", "runs/z3");
  auto resumable = s.let("resumable", "runs/z3-uni");
  auto model = s.let("model", "export");
  auto run = s.source("run", deepspeed(checkpoint));
  auto uni = s.target("uni", format("deepspeed-universal", resumable));
  auto hub = s.target("hub", safetensors(model));
  auto job = s.convert(run, {uni, hub});
  job.forTarget(uni).keepElse().objects().keepElse();
  auto toHub = job.forTarget(hub);
  toHub.role("weight") = role("master") | cast(bf16);
  toHub.role("frozen") = keep() | cast(bf16);
  toHub.keep({"buffer"}).drop({"master", "exp_avg", "exp_avg_sq", "step"});
  toHub.objects().dropElse();
  toHub.files({"config*.json", "tokenizer*"}, checkpoint);
  job.budget(512 * MiB);

  std::ifstream file(RECAST_EXAMPLES "/job0.ucl");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  auto parsed = parseAndCheck(text.str(), "job0.ucl");
  ASSERT_TRUE(parsed) << parsed.error().str();
  expectSame(s.spec(), *parsed);
}

TEST(Builder, HandlesStayGoodWhileTheSpecGrows) {
  SpecBuilder s;
  auto a = s.source("a", safetensors("a"));
  auto b = s.target("b", safetensors("b"));
  auto job = s.convert(a, {b});
  auto scope = job.forTarget(b);
  auto objects = scope.objects();
  for (int i = 0; i < 100; ++i) {
    s.target("t" + std::to_string(i), safetensors("t"));
    job.check(name("weight") == a["weight"]);
    scope.role("r" + std::to_string(i)) = keep();
  }
  objects.keepElse();
  b.on({{"dp", 2}});
  EXPECT_EQ(a.name(), "a");
  const Job &built = s.spec().jobs[0];
  ASSERT_EQ(built.body.size(), 101u);
  auto &block = std::get<ForStatement>(built.body[0].node);
  ASSERT_EQ(block.body.size(), 101u);
  EXPECT_EQ(std::get<ObjectsStatement>(block.body[0].node).rules.size(), 1u);
  EXPECT_EQ(s.spec().endpoints[1].mesh.size(), 1u);
}

TEST(Builder, ValuesThatTheTextHasNoSignFor) {
  for (int64_t number : {int64_t{-1}, int64_t{-5}, INT64_MIN, INT64_MAX, int64_t{0}}) {
    Value value(number);
    auto parsed = parseValue(format(value.expr()), "");
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(equal(*parsed, value.expr())) << format(value.expr());
  }
  EXPECT_EQ(format(Value(-5).expr()), "0 - 5");
  EXPECT_EQ(format(Value(-2.5).expr()), "0 - 2.5");
  EXPECT_EQ(format(Value(1e300).expr()), "1e+300");
  EXPECT_EQ(format(Value(3.0).expr()), "3.0");
  EXPECT_EQ(format(Value(true).expr()), "true");
  EXPECT_EQ(format((Value(1) - (Value(2) - Value(3))).expr()), "1 - (2 - 3)");
  EXPECT_EQ(format(((Value(1) + Value(2)) * Value(3)).expr()), "(1 + 2) * 3");
  EXPECT_EQ(format(callOf("f", {arg(1), arg("x", name("y")["z"])}).expr()), "f(1, x = y.z)");
  EXPECT_EQ(format(tuple({arg(1)}).expr()), "1");
}

TEST(Builder, RolesThatAreCalledLikeOperations) {
  EXPECT_EQ(role("master").operations[0].name, "master");
  EXPECT_EQ(role("cast").operations[0].name, "role");
  EXPECT_EQ(role("zstd").operations[0].name, "role"); // Of a later version.
}

TEST(Ast, EqualityLooksAtMeaningOnly) {
  auto a = parse("let a = 1024KiB let b = 0.5 source s = safetensors(\"x\") as same");
  auto b =
      parse("\n\n let a = 1MiB let b = 5e-1   source s = safetensors( \"\\x78\" ) as same {}", "f");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a, *b);
  for (const char *other :
       {"let a = 1MiB let b = 0.5",
        "let a = 1MiB let c = 0.5 source s = safetensors(\"x\") as same",
        "let a = 1MiB let b = 0.5 target s = safetensors(\"x\") as same",
        "let a = 1MiB let b = 0.5 source s = safetensors(\"y\") as same",
        "let a = 1MiB let b = 0.5 source s = safetensors(\"x\") as same on (dp = 1)",
        "let a = 1MiB let b = 0.5 source s = safetensors(\"x\", t = 1) as same"}) {
    auto c = parse(other);
    ASSERT_TRUE(c);
    EXPECT_FALSE(*a == *c) << other;
  }
  EXPECT_NE(a->endpoint("s"), nullptr);
  EXPECT_EQ(a->endpoint("t"), nullptr);
  EXPECT_EQ(a->let("c"), nullptr);
  EXPECT_EQ((Ref{{"a", "b", "c"}, {}}).str(), "a.b.c");
  EXPECT_TRUE(equal(nullptr, nullptr));
  EXPECT_FALSE(equal(nullptr, Value(1).expr()));
}

} // namespace
} // namespace recast::lang
