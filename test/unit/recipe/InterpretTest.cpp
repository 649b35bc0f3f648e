#include "runtime/recipe/Compare.h"
#include "runtime/recipe/Recipe.h"
#include "test/unit/recipe/CastSamples.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace recast::recipe::test {
namespace {

std::vector<std::byte> unaligned(const std::vector<std::byte> &bytes) {
  std::vector<std::byte> shifted(1);
  shifted.insert(shifted.end(), bytes.begin(), bytes.end());
  return shifted;
}

TEST(Interpret, EveryFloatCastAtEveryLength) {
  for (const FloatFormat &from : kFloatFormats)
    for (const FloatFormat &to : kFloatFormats) {
      if (from.type == to.type)
        continue;
      auto bits = samples(from, 100);
      for (Overflow overflow : overflowRules(to.type))
        for (size_t count : {0, 1, 2, 255, 256, 1023, 1024, 1025, 4000}) {
          count = std::min(count, bits.size());
          std::vector<uint64_t> some(bits.end() - count, bits.end());
          auto in = unaligned(pack(some, byteWidth(from.type)));
          std::vector<std::byte> out(1 + count * byteWidth(to.type) + 1, std::byte{0xa5});
          const std::byte *inputs[] = {in.data() + 1};
          std::byte *outputs[] = {out.data() + 1};
          Recipe recipe = castRecipe(from.type, to.type, overflow);
          EXPECT_EQ(interpret(recipe, inputs, outputs, static_cast<int64_t>(count)), -1);
          EXPECT_EQ(out.front(), std::byte{0xa5});
          EXPECT_EQ(out.back(), std::byte{0xa5});
          for (size_t i = 0; i < count; ++i) {
            uint64_t got = 0;
            std::memcpy(&got, out.data() + 1 + i * byteWidth(to.type), byteWidth(to.type));
            ASSERT_EQ(got, castBits(some[i], from.type, to.type, overflow));
          }
        }
    }
}

TEST(Interpret, SeveralOutputsAndChecks) {
  auto recipe = *Recipe::parse("load 0 f32; load 1 bf16; cast %0 bf16; check %2 %1; store %2 1; "
                               "store %0 0; cast %2 f32; check %6 %0");
  constexpr int64_t count = 3000;
  std::vector<uint32_t> f32(count);
  std::vector<uint16_t> bf16(count);
  for (int64_t i = 0; i < count; ++i) {
    f32[i] = static_cast<uint32_t>(i * 977) << 16;
    bf16[i] = static_cast<uint16_t>(f32[i] >> 16);
  }
  std::vector<std::byte> out0(count * 4), out1(count * 2);
  const std::byte *inputs[] = {reinterpret_cast<std::byte *>(f32.data()),
                               reinterpret_cast<std::byte *>(bf16.data())};
  std::byte *outputs[] = {out0.data(), out1.data()};
  EXPECT_EQ(interpret(recipe, inputs, outputs, count), -1); // NaNs among them are made quiet.
  EXPECT_EQ(std::memcmp(out0.data(), f32.data(), out0.size()), 0);
  EXPECT_EQ(firstDifference(out1.data(), inputs[1], DType::BF16, count), -1);

  bf16[2500] ^= 1; // Fails the first check.
  EXPECT_EQ(interpret(recipe, inputs, outputs, count), 2500);
  f32[2400] |= 1; // Fails the second, earlier.
  EXPECT_EQ(interpret(recipe, inputs, outputs, count), 2400);
  f32[0] = 0x80000000; // Zeros of other sign are other bits.
  EXPECT_EQ(interpret(recipe, inputs, outputs, count), 0);
  EXPECT_EQ(interpret(recipe, inputs, outputs, 0), -1);
}

TEST(Interpret, MeansInDoublePrecision) {
  auto recipe = *Recipe::parse("load 0 f32; load 1 f32; load 2 f32; cast %0 f64; cast %1 f64; "
                               "cast %2 f64; add %3 %4; add %6 %5; divide %7 3; cast %8 f32; "
                               "store %9 0");
  EXPECT_EQ(Recipe::parse(recipe.str())->str(), recipe.str());
  std::vector<uint16_t> used;
  EXPECT_EQ(sliceForOutput(recipe, 0, used).nodes.size(), recipe.nodes.size());
  EXPECT_EQ(used, (std::vector<uint16_t>{0, 1, 2}));
  constexpr int64_t count = 2500;
  std::vector<float> in[3], out(count);
  for (int k = 0; k < 3; ++k)
    for (int64_t i = 0; i < count; ++i)
      in[k].push_back(std::ldexp(static_cast<float>(i * (k + 1) % 1009 - 500), i % 250 - 130));
  const std::byte *inputs[] = {reinterpret_cast<std::byte *>(in[0].data()),
                               reinterpret_cast<std::byte *>(in[1].data()),
                               reinterpret_cast<std::byte *>(in[2].data())};
  std::byte *outputs[] = {reinterpret_cast<std::byte *>(out.data())};
  ASSERT_EQ(interpret(recipe, inputs, outputs, count), -1);
  for (int64_t i = 0; i < count; ++i)
    ASSERT_EQ(out[i],
              static_cast<float>((static_cast<double>(in[0][i]) + in[1][i] + in[2][i]) / 3.0));
}

TEST(Interpret, ArithmeticDoesNotDependOnTheMachine) {
  auto bits = [](double value) { return std::bit_cast<uint64_t>(value); };
  constexpr uint64_t infinity = 0x7ff0000000000000, minus = uint64_t{1} << 63;
  EXPECT_EQ(addBits(infinity, infinity | minus), 0x7ff8000000000000);
  EXPECT_EQ(addBits(infinity, infinity), infinity);
  EXPECT_EQ(addBits(0x7ff0000000000123, 0xfff8000000000456), 0x7ff8000000000123);
  EXPECT_EQ(addBits(bits(1), 0xfff0000000000456), 0xfff8000000000456);
  EXPECT_EQ(divideBits(0xfff0000000000001, 3), 0xfff8000000000001);
  EXPECT_EQ(divideBits(bits(1), 3), bits(1.0 / 3));
  EXPECT_EQ(addBits(minus, minus), minus);
#if defined(__SSE2__)
  // A process may run with denormals flushed and rounding towards zero.
  unsigned saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040 | 0x6000);
  uint64_t sum = addBits(1, 2), half = divideBits(4, 2), third = divideBits(bits(2), 3);
  unsigned after = _mm_getcsr();
  _mm_setcsr(saved);
  EXPECT_EQ(sum, 3u);
  EXPECT_EQ(half, 2u);
  EXPECT_EQ(third, bits(2.0 / 3));
  EXPECT_EQ(after & 0xe040, 0xe040u) << "the caller's environment is kept";
#endif
}

TEST(Interpret, LongestRecipe) {
  Recipe recipe = {{{.op = Op::Load, .type = DType::F8E5M2}}};
  DType chain[] = {DType::F16, DType::F32, DType::F64, DType::F32};
  while (recipe.nodes.size() + 1 < kMaxNodes) {
    auto last = static_cast<uint16_t>(recipe.nodes.size() - 1);
    DType type = chain[last % 4 == 0 && last > 0 ? 1 : last % 4];
    if (type == recipe.nodes[last].type)
      type = DType::F64;
    recipe.nodes.push_back({.op = Op::Cast, .type = type, .a = last});
  }
  auto last = static_cast<uint16_t>(recipe.nodes.size() - 1);
  recipe.nodes.push_back({.op = Op::Store, .type = recipe.nodes[last].type, .a = last});
  ASSERT_TRUE(verify(recipe)) << verify(recipe).error().str();
  auto in = pack(samples(kF8E5M2, 0), 1);
  std::vector<std::byte> out(in.size() * byteWidth(recipe.nodes.back().type)), once = out;
  const std::byte *inputs[] = {in.data()};
  std::byte *outputs[] = {out.data()};
  EXPECT_EQ(interpret(recipe, inputs, outputs, static_cast<int64_t>(in.size())), -1);
  outputs[0] = once.data();
  interpret(castRecipe(DType::F8E5M2, recipe.nodes.back().type), inputs, outputs,
            static_cast<int64_t>(in.size()));
  EXPECT_EQ(out, once);
}

TEST(Interpret, ManySmallNodes) {
  // 255 loads of one input, each stored: every node kind's bookkeeping at its limit.
  Recipe recipe = {{{.op = Op::Load, .type = DType::I16}}};
  for (uint16_t slot = 0; slot + 1u < kMaxNodes; ++slot)
    recipe.nodes.push_back({.op = Op::Store, .type = DType::I16, .slot = slot});
  ASSERT_TRUE(verify(recipe));
  std::vector<int16_t> in{1, -2, 3};
  std::vector<std::vector<std::byte>> out(kMaxNodes - 1, std::vector<std::byte>(6));
  std::vector<std::byte *> outputs;
  for (auto &bytes : out)
    outputs.push_back(bytes.data());
  const std::byte *inputs[] = {reinterpret_cast<std::byte *>(in.data())};
  EXPECT_EQ(interpret(recipe, inputs, outputs, 3), -1);
  for (auto &bytes : out)
    EXPECT_EQ(std::memcmp(bytes.data(), in.data(), 6), 0);
}

TEST(Interpret, WidensIntegers) {
  auto recipe = *Recipe::parse("load 0 i8; cast %0 i64; store %1 0");
  int8_t in[] = {0, 1, -1, 127, -128};
  int64_t out[5];
  const std::byte *inputs[] = {reinterpret_cast<std::byte *>(in)};
  std::byte *outputs[] = {reinterpret_cast<std::byte *>(out)};
  EXPECT_EQ(interpret(recipe, inputs, outputs, 5), -1);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(out[i], in[i]);
}

TEST(FirstDifference, FindsEveryPosition) {
  for (DType type : {DType::Bool, DType::BF16, DType::F32, DType::F64, DType::C64, DType::C128}) {
    const unsigned width = byteWidth(type);
    const int64_t count = 2 * 4096 / width + 3;
    std::vector<std::byte> a(static_cast<size_t>(count) * width + 1), b = a;
    EXPECT_EQ(firstDifference(a.data() + 1, b.data() + 1, type, count), -1);
    for (int64_t i = count - 1; i >= 0; i -= i % 5 + 1) {
      b[1 + static_cast<size_t>(i) * width + width - 1] ^= std::byte{0x80}; // Minus zero differs.
      ASSERT_EQ(firstDifference(a.data() + 1, b.data() + 1, type, count), i);
    }
    EXPECT_EQ(firstDifference(a.data(), b.data(), type, 0), -1);
  }
}

TEST(FirstDifference, TakesNansForEqual) {
  for (const FloatFormat &format : kFloatFormats) {
    const unsigned width = byteWidth(format.type);
    uint64_t nan = format.quietNan(), other = format.magnitudeMask() | format.signBit();
    std::vector<uint64_t> a(5000, nan), b(5000, other);
    auto left = pack(a, width), right = pack(b, width);
    EXPECT_EQ(firstDifference(left.data(), right.data(), format.type, 5000), -1);
    for (uint64_t finite : {format.maxFinite(), format.maxFinite() | format.signBit()}) {
      b[4321] = finite;
      right = pack(b, width);
      EXPECT_EQ(firstDifference(left.data(), right.data(), format.type, 5000), 4321);
    }
    if (format.hasInfinity) {
      b[4321] = format.topExponent();
      right = pack(b, width);
      EXPECT_EQ(firstDifference(left.data(), right.data(), format.type, 5000), 4321);
    }
  }
  // A complex number is two parts: one NaN does not excuse the other part.
  float a[] = {1, NAN, NAN, 2}, b[] = {1, -NAN, NAN, 3};
  EXPECT_EQ(firstDifference(reinterpret_cast<std::byte *>(a), reinterpret_cast<std::byte *>(b),
                            DType::C64, 2),
            1);
  // The bits of a NaN mean nothing in an integer.
  EXPECT_EQ(firstDifference(reinterpret_cast<std::byte *>(a), reinterpret_cast<std::byte *>(b),
                            DType::U32, 4),
            1);
}

} // namespace
} // namespace recast::recipe::test
