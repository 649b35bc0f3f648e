// What bind refuses, and what it says.
#include "compiler/Bind/Glob.h"
#include "compiler/Pipelines/Compile.h"
#include "test/unit/compiler/Jobs.h"

using namespace recast;
namespace rl = recast::lang;

namespace {

Result<compiler::Compiled> compileSpec(const lang::Spec &spec) {
  mlir::MLIRContext context;
  auto declared = lang::importSpec(spec, context);
  if (!declared)
    return fail(std::move(declared).error());
  return compiler::compile(**declared, {});
}

/// Compiles an export job whose body `fill` says; expects an error with `words` in its text.
template <typename Fill> void refused(Fill fill, Code code, const std::string &words) {
  fixtures::TemporaryFolder folder;
  rl::SpecBuilder spec;
  auto run = spec.source("run", rl::deepspeed(fixtures::fixture("z1_bf16_dp2")));
  auto hub = spec.target("hub", rl::safetensors(folder / "hub"));
  auto job = spec.convert(run, {hub});
  fill(job, run);
  auto compiled = compileSpec(spec.spec());
  ASSERT_FALSE(compiled) << "not refused";
  EXPECT_EQ(compiled.error().code(), code) << compiled.error().str();
  EXPECT_NE(compiled.error().str().find(words), std::string::npos) << compiled.error().str();
}

template <typename Job> void everything(Job &job) {
  job.keep({"weight", "frozen", "buffer"});
  job.drop({"master", "exp_avg", "exp_avg_sq", "step"});
  job.objects().dropElse();
}

TEST(Bind, CompilesASpecThatSaysEverything) {
  fixtures::TemporaryFolder folder;
  auto compiled = compileSpec(
      fixtures::bothTargets(fixtures::fixture("z3_bf16_dp2"), folder / "uni", folder / "hub"));
  ASSERT_TRUE(compiled) << compiled.error().str();
  EXPECT_GE(compiled->proofs.size(), 4u);
  EXPECT_NE(compiled->plan.instanceFingerprint, compiled->plan.schemaFingerprint);
  // IR and plan grow with the number of recipes, never with the number of tensors.
  size_t members = 0;
  for (const plan::Family &family : compiled->plan.families)
    members += family.memberCount();
  EXPECT_LT(compiled->plan.families.size() * 2, members);
}

TEST(Bind, ArmsTheWeightCheckWhereBothAreRead) {
  fixtures::TemporaryFolder folder;
  auto both = compileSpec(
      fixtures::bothTargets(fixtures::fixture("z1_bf16_dp2"), folder / "uni", folder / "hub"));
  ASSERT_TRUE(both) << both.error().str();
  size_t checks = 0;
  for (const plan::Family &family : both->plan.families)
    checks += family.recipe.checkCount() * family.memberCount();
  EXPECT_EQ(checks, 26u); // Every trained parameter of the fixture.
}

TEST(Bind, RefusesWhatIsNotMentioned) {
  refused([](auto &job, auto &) { job.keep({"weight", "frozen", "buffer"}); }, Code::Usage,
          "nothing is said about exp_avg of 26 tensors for 'hub'");
  refused(
      [](auto &job, auto &) {
        job.keep({"weight", "frozen", "buffer"});
        job.drop({"master", "exp_avg", "exp_avg_sq", "step"});
      },
      Code::Usage, "nothing is said about object");
}

TEST(Bind, RefusesWhatTheFormatCannotHold) {
  refused([](auto &job, auto &) { job.keepElse(); }, Code::Usage, "safetensors cannot hold");
  refused(
      [](auto &job, auto &) {
        job.keep({"weight", "frozen", "buffer"});
        job.drop({"master", "exp_avg", "exp_avg_sq", "step"});
        job.objects().keepElse();
      },
      Code::Usage, "safetensors cannot hold object");
}

TEST(Bind, NamesTheNearest) {
  refused(
      [](auto &job, auto &) {
        everything(job);
        job.drop({"exp_avq"});
      },
      Code::Usage, "exp_avg");
  refused(
      [](auto &job, auto &) {
        job.role("weight") = rl::role("mastr") | rl::cast(rl::bf16);
        job.dropElse();
        job.objects().dropElse();
      },
      Code::Usage, "master");
  refused(
      [](auto &job, auto &) {
        job.role("weight").in({"embed.weigth"}) = rl::keep();
        job.dropElse();
      },
      Code::Usage, "embed.weight");
  refused(
      [](auto &job, auto &run) {
        everything(job);
        job.expect(run["zeroo"] == 1);
      },
      Code::Usage, "zero");
}

TEST(Bind, ExpectComparesTheMetadata) {
  refused(
      [](auto &job, auto &run) {
        everything(job);
        job.expect(run["zero"] == 3);
      },
      Code::Negative, "1 == 3 is false");
  refused(
      [](auto &job, auto &run) {
        everything(job);
        job.expect(run["zero"] == 1 && run["mesh"] == rl::tuple({rl::arg("dp", 4)}));
      },
      Code::Negative, "(dp = 2) == (dp = 4) is false");
}

TEST(Bind, RefusesContradictions) {
  refused(
      [](auto &job, auto &) {
        everything(job);
        job.drop({"weight"}, {"embed.weight"});
      },
      Code::Usage, "both kept and dropped");
}

TEST(Glob, StarStaysBetweenDots) {
  using compiler::globMatches;
  EXPECT_TRUE(globMatches("layers.*.weight", "layers.3.weight"));
  EXPECT_FALSE(globMatches("layers.*.weight", "layers.3.mlp.weight"));
  EXPECT_TRUE(globMatches("layers.**.weight", "layers.3.mlp.weight"));
  EXPECT_TRUE(globMatches("**", ""));
  EXPECT_TRUE(globMatches("layers.?", "layers.3"));
  EXPECT_FALSE(globMatches("layers.?", "layers.33"));
  EXPECT_FALSE(globMatches("", "x"));
  // Quadratic, not exponential.
  EXPECT_FALSE(globMatches(std::string(200, '*') + "b", std::string(2000, 'a')));
}

} // namespace
