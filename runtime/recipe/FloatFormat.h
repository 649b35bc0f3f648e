// The binary floating-point formats that recipes compute with, and the one conversion to them, from
// each other and from integers, in integers only: a process may run with flushed denormals or
// another rounding mode, and the bits of a checkpoint may not depend on that.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace recast::recipe {

/// Sign, exponent, mantissa, from the top bit down (IEEE 754-2019; OCP OFP8 1.0 for the 8-bit ones;
/// bf16 is the upper half of an f32).
struct FloatFormat {
  DType type;
  unsigned bits;
  unsigned mantissaBits;
  int bias;
  bool hasInfinity; ///< false: the top exponent holds values, and only all ones is NaN (f8e4m3fn).

  constexpr unsigned exponentBits() const { return bits - 1 - mantissaBits; }
  constexpr uint64_t signBit() const { return uint64_t{1} << (bits - 1); }
  constexpr uint64_t magnitudeMask() const { return signBit() - 1; }
  constexpr uint64_t mantissaMask() const { return (uint64_t{1} << mantissaBits) - 1; }
  /// Infinity, or the exponent of all ones where there is none.
  constexpr uint64_t topExponent() const { return magnitudeMask() & ~mantissaMask(); }
  constexpr uint64_t maxFinite() const {
    return hasInfinity ? topExponent() - 1 : magnitudeMask() - 1;
  }
  constexpr uint64_t quietNan() const {
    return hasInfinity ? topExponent() | (uint64_t{1} << (mantissaBits - 1)) : magnitudeMask();
  }
  constexpr bool isNan(uint64_t magnitude) const {
    return hasInfinity ? magnitude > topExponent() : magnitude == magnitudeMask();
  }
  /// Magnitude that a value becomes which is too large.
  constexpr uint64_t overflowMagnitude(Overflow overflow) const {
    if (overflow == Overflow::Saturate)
      return maxFinite();
    return overflow == Overflow::Ieee && hasInfinity ? topExponent() : quietNan();
  }
};

inline constexpr FloatFormat kF64{DType::F64, 64, 52, 1023, true};
inline constexpr FloatFormat kF32{DType::F32, 32, 23, 127, true};
inline constexpr FloatFormat kBF16{DType::BF16, 16, 7, 127, true};
inline constexpr FloatFormat kF16{DType::F16, 16, 10, 15, true};
inline constexpr FloatFormat kF8E5M2{DType::F8E5M2, 8, 2, 15, true};
inline constexpr FloatFormat kF8E4M3FN{DType::F8E4M3FN, 8, 3, 7, false};
inline constexpr FloatFormat kFloatFormats[] = {kF64, kF32, kBF16, kF16, kF8E5M2, kF8E4M3FN};

/// The format of a dtype, or null if recipes do not compute with it.
constexpr const FloatFormat *floatFormat(DType type) {
  for (const FloatFormat &format : kFloatFormats)
    if (format.type == type)
      return &format;
  return nullptr;
}

/// Every value of `from` is a value of `to`.
constexpr bool formatContains(const FloatFormat &to, const FloatFormat &from) {
  int smallestFrom = 1 - from.bias - static_cast<int>(from.mantissaBits);
  int smallestTo = 1 - to.bias - static_cast<int>(to.mantissaBits);
  int largestFrom = static_cast<int>(from.maxFinite() >> from.mantissaBits) - from.bias;
  int largestTo = static_cast<int>(to.maxFinite() >> to.mantissaBits) - to.bias;
  return to.mantissaBits >= from.mantissaBits && smallestTo <= smallestFrom &&
         largestTo >= largestFrom && (to.hasInfinity || !from.hasInfinity);
}

/// Every integer of `bits` bits besides its sign is a value of `to`.
constexpr bool formatContainsIntegers(const FloatFormat &to, unsigned bits) {
  int largest = static_cast<int>(to.maxFinite() >> to.mantissaBits) - to.bias;
  return bits <= to.mantissaBits + 1 && static_cast<int>(bits) <= largest;
}

/// `significand * 2^scale`, which is not zero, as the magnitude of To: a single rounding, to
/// nearest even. Bits of the significand beyond those of From's formats are no trouble: integers
/// have 64. `overflow` is To.overflowMagnitude() of the wanted rule.
template <FloatFormat To>
constexpr uint64_t roundTo(uint64_t significand, int scale, uint64_t overflow) {
  constexpr int mantissa = To.mantissaBits;
  // The exponent of the target's binade, and how many bits of the significand lie below its grid.
  int exponent = std::max(scale + static_cast<int>(std::bit_width(significand)) - 1, 1 - To.bias);
  int drop = exponent - mantissa - scale;
  uint64_t rounded;
  if (drop <= 0) {
    rounded = significand << -drop;
  } else if (drop > static_cast<int>(std::bit_width(significand))) {
    rounded = 0; // Less than half of the smallest denormal.
  } else {
    uint64_t half = uint64_t{1} << (drop - 1);
    uint64_t rest = significand & (half | (half - 1));
    rounded = drop == 64 ? 0 : significand >> drop;
    rounded += rest > half || (rest == half && (rounded & 1));
  }
  // The leading bit of a normal number adds one to the exponent field, and so does a carry.
  uint64_t result = (static_cast<uint64_t>(exponent + To.bias - 1) << mantissa) + rounded;
  return result > To.maxFinite() ? overflow : result;
}

/// `value`, a bit pattern of From, as one of To.
template <FloatFormat From, FloatFormat To>
constexpr uint64_t convertFloat(uint64_t value, uint64_t overflow) {
  constexpr int fromMantissa = From.mantissaBits, toMantissa = To.mantissaBits;
  uint64_t magnitude = value & From.magnitudeMask();
  uint64_t sign = value & From.signBit() ? To.signBit() : 0;
  if (From.isNan(magnitude)) {
    uint64_t payload = magnitude & From.mantissaMask();
    if constexpr (fromMantissa > toMantissa)
      payload >>= fromMantissa - toMantissa;
    else
      payload <<= toMantissa - fromMantissa;
    return sign | To.quietNan() | payload;
  }
  if (From.hasInfinity && magnitude == From.topExponent())
    return sign | overflow;
  if (magnitude == 0)
    return sign;

  int field = static_cast<int>(magnitude >> fromMantissa);
  uint64_t significand = magnitude & From.mantissaMask();
  if (field != 0)
    significand |= uint64_t{1} << fromMantissa;
  return sign | roundTo<To>(significand, std::max(field, 1) - From.bias - fromMantissa, overflow);
}

/// An integer as a pattern of To. Zero becomes +0.
template <FloatFormat To, typename Integer>
constexpr uint64_t convertInteger(Integer value, uint64_t overflow) {
  if (value == 0)
    return 0;
  // In two's complement the magnitude of the least integer is right, too.
  uint64_t bits = static_cast<uint64_t>(value);
  return value < 0 ? To.signBit() | roundTo<To>(0 - bits, 0, overflow)
                   : roundTo<To>(bits, 0, overflow);
}

} // namespace recast::recipe
