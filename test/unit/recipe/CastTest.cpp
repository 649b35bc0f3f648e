// Casts against PyTorch and ml_dtypes, and against an arithmetic definition of rounding.
#include "runtime/recipe/Recipe.h"
#include "test/unit/recipe/CastSamples.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <zlib.h>

namespace recast::recipe::test {
namespace {

bool isNan(const FloatFormat &format, uint64_t bits) {
  return format.isNan(bits & format.magnitudeMask());
}
bool same(const FloatFormat &format, uint64_t a, uint64_t b) {
  return a == b || (isNan(format, a) && isNan(format, b));
}

template <typename Source, typename Target>
void expectVectors(const FloatFormat &from, const FloatFormat &to, Overflow overflow,
                   const std::vector<Source> &in, const std::vector<Target> &expected) {
  for (size_t i = 0; i < in.size(); ++i) {
    uint64_t got = castBits(in[i], from.type, to.type, overflow);
    ASSERT_TRUE(same(to, got, expected[i]))
        << name(from.type) << " 0x" << std::hex << +in[i] << " to " << name(to.type) << ": 0x"
        << got << ", expected 0x" << +expected[i];
  }
}

TEST(Cast, AgreesWithTorchFromF32) {
  Columns file("torch_f32.bin");
  auto f32 = file.next<uint32_t>();
  ASSERT_GT(f32.size(), 10000u);
  expectVectors(kF32, kBF16, Overflow::Ieee, f32, file.next<uint16_t>());
  expectVectors(kF32, kF16, Overflow::Ieee, f32, file.next<uint16_t>());
  expectVectors(kF32, kF8E4M3FN, Overflow::Saturate, f32, file.next<uint8_t>());
  expectVectors(kF32, kF8E5M2, Overflow::Ieee, f32, file.next<uint8_t>());
  EXPECT_TRUE(file.finished());
}

TEST(Cast, AgreesWithTorchFromF64) {
  Columns file("torch_f64.bin");
  auto f64 = file.next<uint64_t>();
  ASSERT_GT(f64.size(), 2000u);
  expectVectors(kF64, kF32, Overflow::Ieee, f64, file.next<uint32_t>());
  EXPECT_TRUE(file.finished());
}

TEST(Cast, AgreesWithTorchFromF8) {
  Columns file("torch_f8.bin");
  std::vector<uint8_t> codes(256);
  for (int i = 0; i < 256; ++i)
    codes[i] = static_cast<uint8_t>(i);
  expectVectors(kF8E4M3FN, kF32, Overflow::Ieee, codes, file.next<uint32_t>());
  expectVectors(kF8E5M2, kF32, Overflow::Ieee, codes, file.next<uint32_t>());
  EXPECT_TRUE(file.finished());
}

TEST(Cast, AgreesWithMlDtypes) {
  for (auto [format, overflow] : {std::pair{kF8E4M3FN, Overflow::Nan}, {kF8E5M2, Overflow::Ieee}}) {
    Columns file(std::string("ml_dtypes_") + std::string(name(format.type)) + ".bin");
    auto f32 = file.next<uint32_t>();
    ASSERT_GT(f32.size(), 1000u);
    expectVectors(kF32, format, overflow, f32, file.next<uint8_t>());
    EXPECT_TRUE(file.finished());
  }
}

// CRC-32 of ml_dtypes' codes for all values of a 16-bit type.
TEST(Cast, AgreesWithMlDtypesOnEvery16BitValue) {
  struct Case {
    FloatFormat from, to;
    Overflow overflow;
    uint32_t crc;
  };
  for (const Case &c : {Case{kBF16, kF8E4M3FN, Overflow::Nan, 3421967358u},
                        Case{kF16, kF8E4M3FN, Overflow::Nan, 341861632u},
                        Case{kBF16, kF8E5M2, Overflow::Ieee, 3993888796u},
                        Case{kF16, kF8E5M2, Overflow::Ieee, 786110594u}}) {
    std::vector<uint8_t> codes;
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      auto code = static_cast<uint8_t>(castBits(bits, c.from.type, c.to.type, c.overflow));
      // ml_dtypes maps every NaN to the quiet one; here they keep their top bits.
      if (isNan(c.to, code))
        code = static_cast<uint8_t>((code & 0x80) | c.to.quietNan());
      codes.push_back(code);
    }
    EXPECT_EQ(crc32(0, codes.data(), static_cast<unsigned>(codes.size())), c.crc)
        << name(c.from.type) << " to " << name(c.to.type);
  }
}

/// The value of a finite pattern; exact in every long double there is.
long double value(const FloatFormat &format, uint64_t bits) {
  uint64_t magnitude = bits & format.magnitudeMask();
  int field = static_cast<int>(magnitude >> format.mantissaBits);
  auto fraction = static_cast<long double>(magnitude & format.mantissaMask());
  if (field == 0)
    return std::ldexp(fraction, 1 - format.bias - static_cast<int>(format.mantissaBits));
  return std::ldexp(fraction + std::ldexp(1.0L, format.mantissaBits),
                    field - format.bias - static_cast<int>(format.mantissaBits));
}

/// Rounding by its definition: the nearest value of the target by distance, the even one of two,
/// where the values go on with one more binade to decide what overflows.
class Rounder {
public:
  explicit Rounder(const FloatFormat &to) : to_(to) {
    for (uint64_t bits = 0; bits <= to.maxFinite(); ++bits)
      values_.push_back(value(to, bits));
    long double step = values_.back() - values_[values_.size() - 2];
    values_.push_back(values_.back() + step);
  }

  uint64_t round(const FloatFormat &from, uint64_t bits, Overflow overflow) const {
    uint64_t sign = bits & from.signBit() ? to_.signBit() : 0;
    uint64_t magnitude = bits & from.magnitudeMask();
    if (from.isNan(magnitude))
      return to_.quietNan();
    if (from.hasInfinity && magnitude == from.topExponent())
      return roundValue(INFINITY, sign, overflow);
    return roundValue(value(from, bits), sign, overflow);
  }

  /// |x| with a sign bit.
  uint64_t roundValue(long double x, uint64_t sign, Overflow overflow) const {
    size_t nearest = values_.size() - 1;
    if (x = std::abs(x); x < values_.back()) {
      size_t above = std::upper_bound(values_.begin(), values_.end(), x) - values_.begin();
      long double down = x - values_[above - 1], up = values_[above] - x;
      bool takeUpper = up < down || (up == down && above % 2 == 0);
      nearest = takeUpper ? above : above - 1;
    }
    if (nearest + 1 < values_.size())
      return sign | nearest;
    if (overflow == Overflow::Saturate)
      return sign | to_.maxFinite();
    return sign | (overflow == Overflow::Nan ? to_.quietNan() : to_.topExponent());
  }

private:
  FloatFormat to_;
  std::vector<long double> values_;
};

TEST(Cast, RoundsByDefinition) {
  for (const FloatFormat &to : {kBF16, kF16, kF8E5M2, kF8E4M3FN}) {
    Rounder rounder(to);
    for (const FloatFormat &from : kFloatFormats) {
      if (from.type == to.type)
        continue;
      auto inputs = samples(from, 100000);
      for (Overflow overflow : overflowRules(to.type))
        for (uint64_t bits : inputs) {
          uint64_t got = castBits(bits, from.type, to.type, overflow);
          uint64_t expected = rounder.round(from, bits, overflow);
          ASSERT_TRUE(same(to, got, expected))
              << name(from.type) << " 0x" << std::hex << bits << " to " << name(to.type) << ": 0x"
              << got << ", expected 0x" << expected;
        }
    }
  }
}

TEST(Cast, RoundsF64ToF32AsTheProcessorDoes) {
  for (uint64_t bits : samples(kF64, 500000)) {
    auto x = std::bit_cast<double>(bits);
    auto expected = std::bit_cast<uint32_t>(static_cast<float>(x));
    ASSERT_TRUE(same(kF32, castBits(bits, DType::F64, DType::F32, Overflow::Ieee), expected))
        << std::hex << bits;
  }
}

TEST(Cast, RoundsOnceFromF64) {
  // Just above the midpoint of two bf16 values; as f32 it would be the midpoint and fall to even.
  auto bits = std::bit_cast<uint64_t>(1.0 + 0x1p-8 + 0x1p-40);
  EXPECT_EQ(castBits(bits, DType::F64, DType::BF16, Overflow::Ieee), 0x3f81u);
  EXPECT_EQ(castBits(std::bit_cast<uint64_t>(1.0 + 0x1p-11 + 0x1p-40), DType::F64, DType::F16,
                     Overflow::Ieee),
            0x3c01u);
}

TEST(Cast, ExactCastsComeBack) {
  int pairs = 0;
  for (const FloatFormat &from : kFloatFormats)
    for (const FloatFormat &to : kFloatFormats) {
      if (from.type == to.type)
        continue;
      bool exact = true;
      Overflow there = overflowRules(to.type)[0], back = overflowRules(from.type)[0];
      for (uint64_t bits : samples(from, 10000))
        exact &= same(from,
                      castBits(castBits(bits, from.type, to.type, there), to.type, from.type, back),
                      bits);
      EXPECT_EQ(castExact(from.type, to.type), exact) << name(from.type) << " " << name(to.type);
      pairs += exact;
    }
  EXPECT_EQ(pairs, 1 + 2 + 2 + 4 + 4); // From f32, bf16, f16, and each fp8 to all of these.
}

TEST(Cast, KeepsNanSignAndTopBits) {
  auto cast = [](uint64_t bits, DType from, DType to) {
    return castBits(bits, from, to, Overflow::Ieee);
  };
  EXPECT_EQ(cast(0xff800001, DType::F32, DType::BF16), 0xffc0u); // Quiet, though all else is cut.
  EXPECT_EQ(cast(0x7fa10000, DType::F32, DType::BF16), 0x7fe1u);
  EXPECT_EQ(cast(0x7f81, DType::BF16, DType::F32), 0x7fc10000u);
  EXPECT_EQ(cast(0xfc01, DType::F16, DType::F64), 0xfff8040000000000u);
  EXPECT_EQ(cast(0x7ff0000000000001, DType::F64, DType::F8E5M2), 0x7eu);
  EXPECT_EQ(cast(0xff, DType::F8E4M3FN, DType::F32), 0xfff00000u);
}

TEST(Cast, Overflow) {
  auto f32 = [](float x) { return std::bit_cast<uint32_t>(x); };
  auto cast = [&](float x, DType to, Overflow rule) {
    return castBits(f32(x), DType::F32, to, rule);
  };
  const float inf = INFINITY;
  EXPECT_EQ(cast(464, DType::F8E4M3FN, Overflow::Nan), 0x7eu); // A tie, and 448 is even.
  EXPECT_EQ(cast(464.5f, DType::F8E4M3FN, Overflow::Nan), 0x7fu);
  EXPECT_EQ(cast(464.5f, DType::F8E4M3FN, Overflow::Saturate), 0x7eu);
  EXPECT_EQ(cast(-inf, DType::F8E4M3FN, Overflow::Saturate), 0xfeu);
  EXPECT_EQ(cast(-inf, DType::F8E4M3FN, Overflow::Nan), 0xffu);
  EXPECT_EQ(cast(61440, DType::F8E5M2, Overflow::Ieee), 0x7cu); // A tie, and the next is even.
  EXPECT_EQ(cast(61440, DType::F8E5M2, Overflow::Saturate), 0x7bu);
  EXPECT_EQ(cast(-inf, DType::F8E5M2, Overflow::Saturate), 0xfbu);
  EXPECT_EQ(cast(65519, DType::F16, Overflow::Ieee), 0x7bffu);
  EXPECT_EQ(cast(65520, DType::F16, Overflow::Ieee), 0x7c00u);
  EXPECT_EQ(cast(-3.4e38f, DType::BF16, Overflow::Ieee), 0xff80u);
}

TEST(Cast, IntegersWidenOnlyWhereExact) {
  EXPECT_EQ(castBits(0x80, DType::I8, DType::I32, Overflow::Ieee), 0xffffff80u);
  EXPECT_EQ(castBits(0x80, DType::U8, DType::I16, Overflow::Ieee), 0x80u);
  EXPECT_EQ(castBits(0xffffffff, DType::I32, DType::I64, Overflow::Ieee), ~uint64_t{0});
  EXPECT_EQ(castBits(0xffffffff, DType::U32, DType::I64, Overflow::Ieee), 0xffffffffu);
  for (auto [from, to] : {std::pair{DType::I8, DType::U16},
                          {DType::U32, DType::I32},
                          {DType::I64, DType::I32},
                          {DType::U8, DType::I8},
                          {DType::U8, DType::Bool},
                          {DType::F32, DType::Bool},
                          {DType::F32, DType::I32},
                          {DType::BF16, DType::I64},
                          {DType::F32, DType::F8E4M3FNUZ},
                          {DType::C64, DType::F32},
                          {DType::C128, DType::C128},
                          {DType::F4E2M1, DType::F4E2M1}})
    EXPECT_FALSE(castSupported(from, to)) << name(from) << " " << name(to);
  EXPECT_TRUE(castExact(DType::U16, DType::I32));
  EXPECT_EQ(castBits(0xdead01, DType::Bool, DType::Bool, Overflow::Ieee), 1u);
  EXPECT_EQ(castBits(~uint64_t{0}, DType::I64, DType::I64, Overflow::Ieee), ~uint64_t{0});
}

TEST(Cast, BoolsAreZeroOrOne) {
  for (uint64_t byte = 0; byte < 256; ++byte)
    for (DType to : {DType::U8, DType::I8, DType::I32, DType::U64})
      EXPECT_EQ(castBits(byte, DType::Bool, to, Overflow::Ieee), byte != 0);
  EXPECT_EQ(castBits(1, DType::Bool, DType::BF16, Overflow::Ieee), 0x3f80u);
  EXPECT_EQ(castBits(255, DType::Bool, DType::F32, Overflow::Ieee), 0x3f800000u);
  EXPECT_EQ(castBits(0, DType::Bool, DType::F8E4M3FN, Overflow::Nan), 0u);
}

/// The value of an integer's pattern; exact where a long double has 64 bits of mantissa.
long double integerValue(DType type, uint64_t bits) {
  if (type == DType::Bool)
    return bits != 0;
  const unsigned width = bitWidth(type);
  bool negative = isSignedInteger(type) && bits >> (width - 1) & 1;
  uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  auto magnitude = static_cast<long double>(negative ? (0 - bits) & mask : bits & mask);
  return negative ? -magnitude : magnitude;
}

TEST(Cast, IntegersRoundByDefinition) {
  for (const FloatFormat &to : {kBF16, kF16, kF8E5M2, kF8E4M3FN}) {
    Rounder rounder(to);
    for (DType from : kIntegerTypes)
      for (Overflow overflow : overflowRules(to.type))
        for (uint64_t bits : integerSamples(from, 20000)) {
          long double x = integerValue(from, bits);
          uint64_t expected = rounder.roundValue(x, x < 0 ? to.signBit() : 0, overflow);
          ASSERT_EQ(castBits(bits, from, to.type, overflow), expected)
              << name(from) << " 0x" << std::hex << bits << " to " << name(to.type);
        }
  }
}

TEST(Cast, IntegersRoundToF32AndF64AsTheProcessorDoes) {
  for (DType from : kIntegerTypes)
    for (uint64_t bits : integerSamples(from, 100000)) {
      long double x = integerValue(from, bits);
      ASSERT_EQ(castBits(bits, from, DType::F32, Overflow::Ieee),
                std::bit_cast<uint32_t>(static_cast<float>(x)))
          << name(from) << " 0x" << std::hex << bits;
      ASSERT_EQ(castBits(bits, from, DType::F64, Overflow::Ieee),
                std::bit_cast<uint64_t>(static_cast<double>(x)))
          << name(from) << " 0x" << std::hex << bits;
    }
}

TEST(Cast, KnowsWhichIntegersAreExact) {
  for (DType from : kIntegerTypes)
    for (const FloatFormat &to : kFloatFormats) {
      bool exact = true;
      for (uint64_t bits : integerSamples(from, 1000)) {
        uint64_t got = castBits(bits, from, to.type, overflowRules(to.type)[0]);
        exact &=
            !isNan(to, got) && (got & to.magnitudeMask()) <= to.maxFinite() &&
            (got & to.signBit() ? -value(to, got) : value(to, got)) == integerValue(from, bits);
      }
      EXPECT_EQ(castExact(from, to.type), exact) << name(from) << " " << name(to.type);
    }
}

TEST(Cast, ExactCastsDoNotShowInTheNextOne) {
  size_t chains = 0;
  std::vector<DType> types(std::begin(kIntegerTypes), std::end(kIntegerTypes));
  for (const FloatFormat &format : kFloatFormats)
    types.push_back(format.type);
  auto bitsOf = [](DType type) {
    for (const FloatFormat &format : kFloatFormats)
      if (format.type == type)
        return samples(format, 1000);
    return integerSamples(type, 1000);
  };
  for (DType from : types)
    for (DType between : types)
      for (DType to : types) {
        if (!castsAsOne(from, between, to))
          continue;
        ++chains;
        for (Overflow first : overflowRules(between))
          for (Overflow last : overflowRules(to))
            for (uint64_t bits : bitsOf(from))
              ASSERT_EQ(castBits(castBits(bits, from, between, first), between, to, last),
                        castBits(bits, from, to, last))
                  << name(from) << " " << name(between) << " " << name(to) << " " << bits;
      }
  EXPECT_GT(chains, 100u);
  EXPECT_TRUE(castsAsOne(DType::BF16, DType::F32, DType::F16));
  EXPECT_FALSE(castsAsOne(DType::F32, DType::BF16, DType::F8E5M2));
  EXPECT_FALSE(castsAsOne(DType::BF16, DType::F32, DType::BF16));
}

TEST(Cast, IgnoresTheFloatingPointEnvironment) {
  for (const FloatFormat &from : kFloatFormats)
    for (const FloatFormat &to : kFloatFormats) {
      if (from.type == to.type)
        continue;
      auto inputs = samples(from, 1000);
      Overflow rule = overflowRules(to.type).front();
      std::vector<uint64_t> expected;
      for (uint64_t bits : inputs)
        expected.push_back(castBits(bits, from.type, to.type, rule));
      for (int e = 0; e < Environment::kCount; ++e) {
        Environment environment(e);
        for (size_t i = 0; i < inputs.size(); i += 7)
          ASSERT_EQ(castBits(inputs[i], from.type, to.type, rule), expected[i]);
      }
    }
}

} // namespace
} // namespace recast::recipe::test
