#include "runtime/recipe/Recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace recast::recipe {
namespace {
using testing::HasSubstr;

Recipe parsed(std::string_view text) {
  auto recipe = Recipe::parse(text);
  EXPECT_TRUE(recipe) << text << ": " << recipe.error().str();
  return recipe ? *recipe : Recipe();
}

TEST(Recipe, PrintsAndParses) {
  for (std::string_view text :
       {"load 0 f32; store %0 0", "load 0 f32; cast %0 bf16; store %1 0",
        "load 0 bf16; cast %0 f8e4m3fn saturate; store %1 0; cast %0 f8e4m3fn nan; store %3 1",
        "load 0 f32; load 1 bf16; cast %0 bf16; check %2 %1; store %2 0"}) {
    Recipe recipe = parsed(text);
    EXPECT_EQ(recipe.str(), text);
    EXPECT_TRUE(verify(recipe));
  }
  EXPECT_EQ(parsed("\n load\t0 float32 ;; cast %0 BF16\n store %1 0\n;"),
            castRecipe(DType::F32, DType::BF16));
  EXPECT_EQ(parsed("load 0 u8; store %0 0"), copyRecipe(DType::U8));
}

TEST(Recipe, AnswersQuestions) {
  Recipe recipe = parsed("load 1 bf16; load 0 f32; cast %1 bf16; check %2 %0; store %0 1; "
                         "store %1 0; check %0 %2");
  EXPECT_EQ(recipe.inputCount(), 2u);
  EXPECT_EQ(recipe.outputCount(), 2u);
  EXPECT_EQ(recipe.checkCount(), 2u);
  EXPECT_EQ(recipe.inputType(0), DType::F32);
  EXPECT_EQ(recipe.inputType(1), DType::BF16);
  EXPECT_EQ(recipe.outputType(0), DType::F32);
  EXPECT_EQ(recipe.outputType(1), DType::BF16);
}

TEST(Recipe, RefusesBadText) {
  for (auto [text, message] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", "no nodes"},
           {"lode 0 f32", "expected load, scalar, cast, add, subtract, multiply"},
           {"load x f32", "expected a slot number, got 'x'"},
           {"load 70000 f32", "expected a slot number"},
           {"load 0 f33; store %0 0", "statement 0 'load 0 f33': expected a dtype, got 'f33'"},
           {"load 0 f32; store %1 0", "%1 does not come before"},
           {"load 0 f32; store 0 0", "expected an operand"},
           {"load 0 f32; store %-1 0", "expected an operand"},
           {"load 0 f32; store %0 0 0", "unexpected '0'"},
           {"load 0 f32; cast %0 bf16 wrap; store %1 0", "expected saturate or nan"},
           {"load 0 f32; cast %0 bf16 saturate; store %1 0", "does not fit bf16"},
           {"load 0 f32; cast %0 f8e4m3fn; store %1 0", "say saturate or nan"},
           {"load 0 f32; cast %0 f32; store %1 0", "to itself"},
           {"load 0 f32; cast %0 i32; store %1 0", "no cast from f32 to i32"},
           {"load 0 f32; cast %0 bf16; store %0 0", "%1: its value is not used"},
           {"load 0 f32", "not used"},
           {"load 0 f32; store %0 0; store %0 0", "stored twice"},
           {"load 0 f32; store %0 1", "slots must be 0..n-1"},
           {"load 1 f32; store %0 0", "slots must be 0..n-1"},
           {"load 0 f32; load 0 bf16; store %0 0; store %1 1", "loaded as f32 and as bf16"},
           {"load 0 f32; store %0 0; store %1 1", "not a value"},
           {"load 0 f32; load 1 bf16; check %0 %1", "expected f32"},
           {"load 0 f4e2m1; load 1 f4e2m1; check %0 %1", "not whole bytes"},
           {"load 0 f4e2m1; cast %0 f32; store %1 0", "no cast from f4e2m1 to f32"},
           {"load 300 f32; store %0 0", "out of range"},
           {std::string(kMaxTextBytes + 1, ' '), "more than the"}}) {
    auto recipe = Recipe::parse(text);
    ASSERT_FALSE(recipe) << text;
    EXPECT_EQ(recipe.error().code(), Code::BadInput);
    EXPECT_THAT(recipe.error().str(), HasSubstr(message)) << text;
  }
  std::string many;
  for (size_t i = 0; i < kMaxNodes; ++i)
    many += "load 0 f32;";
  EXPECT_THAT(Recipe::parse(many + "store %0 0").error().str(), HasSubstr("more than the 256"));
}

TEST(Recipe, VerifyIsTotal) {
  std::mt19937 random(7);
  auto number = [&](unsigned below) { return static_cast<uint16_t>(random() % below); };
  size_t valid = 0;
  for (int round = 0; round < 200000; ++round) {
    Recipe recipe;
    recipe.nodes.resize(number(7));
    for (uint16_t i = 0; i < recipe.nodes.size(); ++i) {
      Node &node = recipe.nodes[i];
      // Mostly plausible, with a stray value here and there.
      auto stray = [&](uint16_t usual) { return number(30) == 0 ? number(65536) : usual; };
      uint16_t op = i == 0 ? 0 : number(4);
      node.op = static_cast<Op>(stray(op));
      node.type = static_cast<DType>(stray(number(2) + 11));
      node.overflow = static_cast<Overflow>(stray(0));
      node.a = stray(op == 0 ? 0 : number(i));
      node.b = stray(op == 3 ? number(i) : 0);
      node.slot = stray(op == 2 ? number(2) : 0);
    }
    if (!verify(recipe))
      continue;
    ++valid;
    auto again = Recipe::parse(recipe.str());
    ASSERT_TRUE(again) << recipe.str() << again.error().str();
    ASSERT_EQ(*again, recipe);
  }
  EXPECT_GT(valid, 500u);
  Recipe tooLong;
  tooLong.nodes.resize(kMaxNodes + 1);
  EXPECT_FALSE(verify(tooLong));
}

TEST(Recipe, VerifyRefusesStrayFields) {
  const Recipe good = castRecipe(DType::F32, DType::BF16);
  ASSERT_TRUE(verify(good));
  for (size_t i = 0; i < good.nodes.size(); ++i)
    for (int field = 0; field < 2; ++field) {
      Recipe bad = good;
      (field == 0 ? bad.nodes[i].b : bad.nodes[i].slot) = 3;
      EXPECT_FALSE(verify(bad)) << i << " " << field;
    }
  Recipe bad = good;
  bad.nodes[2].overflow = Overflow::Nan;
  EXPECT_FALSE(verify(bad));
  bad = good;
  bad.nodes[2].type = DType::F16;
  EXPECT_FALSE(verify(bad));
}

TEST(Recipe, HashIsStable) {
  // Part of the artifact format: a change here orphans kernels and plans.
  const uint8_t encoding[] = {1, 3,  0,                    // Version, count.
                              0, 11, 0, 0, 0, 0, 0, 0, 0,  // load 0 f32
                              1, 13, 1, 0, 0, 0, 0, 0, 0,  // cast %0 f8e4m3fn saturate
                              2, 13, 0, 1, 0, 0, 0, 0, 0}; // store %1 0
  EXPECT_EQ(castRecipe(DType::F32, DType::F8E4M3FN, Overflow::Saturate).hash(),
            XXH3_64bits(encoding, sizeof(encoding)));
  EXPECT_EQ(castRecipe(DType::F32, DType::BF16).hash(), 16279520898255939115u);
  EXPECT_EQ(copyRecipe(DType::U8).hash(), 1667805310223439623u);
}

TEST(Recipe, SlicesAreCanonical) {
  Recipe recipe = parsed("load 0 bf16; load 1 f32; cast %1 bf16; check %2 %0; load 1 f32; "
                         "cast %4 bf16; store %5 0; store %1 1; check %2 %5");
  std::vector<uint16_t> inputs;
  EXPECT_EQ(sliceForOutput(recipe, 0, inputs), castRecipe(DType::F32, DType::BF16));
  EXPECT_THAT(inputs, testing::ElementsAre(1));
  EXPECT_EQ(sliceForOutput(recipe, 1, inputs), copyRecipe(DType::F32));
  EXPECT_THAT(inputs, testing::ElementsAre(1));
  EXPECT_EQ(sliceForCheck(recipe, 0, inputs).str(),
            "load 0 f32; cast %0 bf16; load 1 bf16; check %1 %2");
  EXPECT_THAT(inputs, testing::ElementsAre(1, 0));
  // Equal computations meet in one node.
  EXPECT_EQ(sliceForCheck(recipe, 1, inputs).str(), "load 0 f32; cast %0 bf16; check %1 %1");
  EXPECT_EQ(sliceForCheckSide(recipe, 0, 0, inputs), castRecipe(DType::F32, DType::BF16));
  EXPECT_THAT(inputs, testing::ElementsAre(1));
  EXPECT_EQ(sliceForCheckSide(recipe, 0, 1, inputs), copyRecipe(DType::BF16));
  EXPECT_THAT(inputs, testing::ElementsAre(0));
  EXPECT_TRUE(sliceForOutput(recipe, 2, inputs).nodes.empty());
  EXPECT_TRUE(sliceForCheck(recipe, 2, inputs).nodes.empty());
  EXPECT_TRUE(inputs.empty());
}

TEST(Recipe, KnowsCopies) {
  EXPECT_TRUE(isCopy(copyRecipe(DType::C128)));
  EXPECT_FALSE(isCopy(castRecipe(DType::F32, DType::BF16)));
  EXPECT_FALSE(isCopy(parsed("load 0 f32; check %0 %0")));
  EXPECT_FALSE(isCopy(Recipe()));
}

} // namespace
} // namespace recast::recipe
