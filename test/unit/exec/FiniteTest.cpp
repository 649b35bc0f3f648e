// A value that overflows inside a recipe is an error that says where, with kernels and without;
// what was no number before, and what casts make of numbers, is not.
#include "Sandbox.h"

#include "runtime/exec/Slices.h"

#include <bit>
#include <gtest/gtest.h>
#include <limits>

namespace recast::exec {
namespace {
using namespace test;

constexpr float kMax = std::numeric_limits<float>::max(),
                kInf = std::numeric_limits<float>::infinity();

/// Each element by a factor.
const std::string kScale = "load 0 f32; cast %0 f64; scalar 1 f64; multiply %1 %2; ";
const std::string kToF32 = kScale + "cast %3 f32; ";

struct Scaled {
  std::optional<OutputSlice::Lost> lost;
  std::vector<std::byte> out;
};
Scaled scale(const std::string &text, const std::vector<float> &values, double factor) {
  auto recipe = recipe::Recipe::parse(text);
  EXPECT_TRUE(recipe) << text;
  OutputSlice slice(*recipe, nullptr);
  Scaled out;
  out.out.resize(values.size() * slice.width());
  const std::byte *inputs[] = {reinterpret_cast<const std::byte *>(values.data()),
                               reinterpret_cast<const std::byte *>(&factor)};
  out.lost = slice.run(inputs, out.out.data(), static_cast<int64_t>(values.size()));
  return out;
}

TEST(Finite, TheFirstOverflowIsFoundWhereverItIs) {
  for (size_t at : {size_t{0}, size_t{1}, size_t{2047}, size_t{2048}, size_t{8191}, size_t{8192},
                    size_t{8193}, size_t{19'998}, size_t{19'999}}) {
    std::vector<float> values(20'000, 1.5f);
    values[at] = -kMax;
    if (at < 19'000)
      values[19'500] = kMax; // A later one.
    auto scaled = scale(kToF32 + "store %4 0", values, 2);
    ASSERT_TRUE(scaled.lost) << at;
    EXPECT_EQ(scaled.lost->at, static_cast<int64_t>(at));
    EXPECT_EQ(scaled.lost->value, "-inf");
  }
}

TEST(Finite, WhatWasNoNumberBeforeIsNotLost) {
  std::vector<float> values(20'000, -3.0f);
  for (size_t i = 0; i < values.size(); i += 7)
    values[i] = i % 2 ? kInf : std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(scale(kToF32 + "store %4 0", values, 2).lost);
  values[12'345] = kMax; // Among them.
  auto scaled = scale(kToF32 + "store %4 0", values, 2);
  ASSERT_TRUE(scaled.lost);
  EXPECT_EQ(scaled.lost->at, 12'345);
  EXPECT_FALSE(scale(kToF32 + "store %4 0", {1, 2}, kInf).lost); // The scalar was not either.
}

TEST(Finite, ZeroByZeroIsLost) {
  auto scaled = scale("load 0 f32; cast %0 f64; scalar 1 f64; quotient %1 %2; cast %3 f32; "
                      "store %4 0",
                      {0}, 0);
  ASSERT_TRUE(scaled.lost);
  EXPECT_EQ(scaled.lost->value, "nan");
}

TEST(Finite, CastsBehindNeitherHideNorMakeOne) {
  for (const char *behind :
       {"store %4 0", "cast %4 bf16; store %5 0", "cast %4 f16; store %5 0",
        "cast %4 f8e4m3fn saturate; store %5 0", "cast %4 f8e5m2 saturate; store %5 0",
        "cast %4 f8e4m3fn nan; store %5 0",
        "cast %4 f8e4m3fn saturate; cast %5 bf16; store %6 0"}) {
    auto scaled = scale(kToF32 + behind, {1, -448, 1e30f, kMax, 2 * 448}, 4);
    ASSERT_TRUE(scaled.lost) << behind;
    EXPECT_EQ(scaled.lost->at, 3) << behind;
    // Too large for the narrower type only, as a cast of stored weights would be.
    EXPECT_FALSE(scale(kToF32 + behind, {1, -448, 1e30f, kMax}, 1).lost) << behind;
  }
  // Straight from the arithmetic: it is f64 that must not overflow.
  EXPECT_FALSE(scale(kScale + "cast %3 f8e4m3fn saturate; store %4 0", {kMax}, 2).lost);
  EXPECT_TRUE(scale(kScale + "cast %3 f8e4m3fn saturate; store %4 0", {kMax}, 1e300).lost);
  EXPECT_TRUE(scale(kScale + "store %3 0", {kMax}, 1e300).lost);
  EXPECT_TRUE(scale(kScale + "cast %3 bf16; store %4 0", {kMax}, 2).lost);
}

TEST(Finite, NothingElseIsLookedAt) {
  for (const char *text : {"load 0 f32; store %0 0", "load 0 f32; cast %0 bf16; store %1 0"}) {
    auto recipe = recipe::Recipe::parse(text);
    ASSERT_TRUE(recipe);
    EXPECT_FALSE(FiniteCheck(*recipe).isNeeded()) << text;
  }
}

TEST(Finite, TurnedBoxesSayWhereInTheOutput) {
  auto recipe = recipe::Recipe::parse(kToF32 + "store %4 0");
  ASSERT_TRUE(recipe);
  OutputSlice slice(*recipe, nullptr);
  std::vector<float> values(6 * 5, 1), out(values.size());
  values[4 * 5 + 2] = kMax; // Row 4, column 2.
  double two = 2;
  const std::byte *inputs[] = {reinterpret_cast<const std::byte *>(values.data()),
                               reinterpret_cast<const std::byte *>(&two)};
  auto lost = slice.runBox(inputs, {{6, 5}, {{5, 1}, {0, 0}}, {1, 6}},
                           reinterpret_cast<std::byte *>(out.data()));
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->at, 2 * 6 + 4);
}

/// A program that doubles `count` floats of a file, behind 64 bytes of it.
struct Doubling : Sandbox {
  explicit Doubling(std::vector<float> values) {
    std::string bytes(64, 'x');
    bytes.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
    uint32_t from = source("a", bytes), to = target(root(), "a", values.size() * sizeof(float));
    Task &task =
        this->task(static_cast<int64_t>(values.size()),
                   {{from, 64, DType::F32},
                    {TaskInput::kConstant, std::bit_cast<uint64_t>(2.0), DType::F64, true}},
                   "layer.weight");
    task.outputs = {
        {slice(kToF32 + "store %4 0"), to, 0, {0, 1}, tensor(to, 0, bytes.size() - 64)}};
  }
};

TEST(Finite, ARunSaysWhichElementOfWhichTensorAndWritesNothing) {
  std::vector<float> values(3'000'000, 1);
  Doubling fine(values);
  ASSERT_TRUE(execute(fine.program, {.sync = false}));
  EXPECT_TRUE(exists(fine.out("a")));
  values[2'345'678] = kMax;
  Doubling model(values);
  auto report = execute(model.program, {.sync = false});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::BadInput);
  EXPECT_EQ(report.error().tensorName(), "layer.weight");
  EXPECT_EQ(report.error().fileName(), model.path("a"));
  std::string text = report.error().str();
  EXPECT_NE(text.find("element 2345678 is inf"), text.npos) << text;
  EXPECT_NE(text.find("9382776"), text.npos) << text; // 64 + 4 * 2345678
  EXPECT_FALSE(exists(model.path("out")));
}

} // namespace
} // namespace recast::exec
