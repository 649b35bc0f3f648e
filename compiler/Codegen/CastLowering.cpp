#include "compiler/Codegen/CastLowering.h"

#include "runtime/recipe/FloatFormat.h"

using mlir::Value;
using recast::recipe::FloatFormat;
using recast::recipe::Overflow;

namespace recast::codegen {
namespace {

/// To a wider format that holds every value: f32 from the small ones, f64 from f32.
Value widen(Lanes &l, Value value, const FloatFormat &from, const FloatFormat &to) {
  Value bits = l.extend(value, to.bits);
  Value magnitude = l.bitAnd(bits, from.magnitudeMask());
  const unsigned raise = to.mantissaBits - from.mantissaBits;
  const uint64_t quiet = to.quietNan() & to.mantissaMask();
  if (from.exponentBits() == to.exponentBits()) {
    Value same = l.shiftLeft(bits, raise);
    return l.select(l.less(from.topExponent(), magnitude), l.bitOr(same, quiet), same);
  }
  Value raised = l.shiftLeft(magnitude, raise);
  Value result = l.add(raised, static_cast<uint64_t>(to.bias - from.bias) << to.mantissaBits);
  // A denormal is an integer times the smallest one.
  const int smallest = from.bias - 1 + static_cast<int>(from.mantissaBits);
  Value denormal =
      l.sub(l.floatBits(magnitude, to.bits), static_cast<uint64_t>(smallest) << to.mantissaBits);
  result = l.select(l.less(magnitude, from.mantissaMask() + 1), denormal, result);
  result = l.select(l.equal(magnitude, 0), l.constant(bits, 0), result);
  if (from.hasInfinity) {
    Value special = l.bitOr(raised, to.topExponent());
    Value nan = l.bitOr(special, quiet);
    result = l.select(l.less(magnitude, from.topExponent()), result, special);
    result = l.select(l.less(from.topExponent(), magnitude), nan, result);
  } else {
    Value nan = l.bitOr(raised, to.topExponent());
    result = l.select(l.equal(magnitude, from.magnitudeMask()), nan, result);
  }
  Value sign = l.shiftLeft(l.bitAnd(bits, from.signBit()), to.bits - from.bits);
  return l.bitOr(result, sign);
}

/// `bits >> count`, to nearest even.
Value shiftRounding(Lanes &l, Value bits, Value count, Value halfMinusOne) {
  Value odd = l.bitAnd(l.shiftRight(bits, count), 1);
  return l.shiftRight(l.add(l.add(bits, halfMinusOne), odd), count);
}

/// To a format with the same exponents, f32 to bf16: the pattern is rounded as it is. A carry goes
/// into the exponent, up to infinity, and never reaches the sign.
Value narrowMantissa(Lanes &l, Value bits, const FloatFormat &from, const FloatFormat &to) {
  const unsigned drop = from.mantissaBits - to.mantissaBits;
  Value result = shiftRounding(l, bits, l.constant(bits, drop),
                               l.constant(bits, (uint64_t{1} << (drop - 1)) - 1));
  Value nan = l.bitOr(l.shiftRight(bits, drop), to.quietNan() & to.mantissaMask());
  Value magnitude = l.bitAnd(bits, from.magnitudeMask());
  return l.truncate(l.select(l.less(from.topExponent(), magnitude), nan, result), to.bits);
}

/// From f32 or f64 to a narrower format.
Value narrow(Lanes &l, Value bits, const FloatFormat &from, const FloatFormat &to,
             Overflow overflow) {
  if (from.exponentBits() == to.exponentBits())
    return narrowMantissa(l, bits, from, to);
  Value magnitude = l.bitAnd(bits, from.magnitudeMask());
  const unsigned drop = from.mantissaBits - to.mantissaBits;
  const int rebias = from.bias - to.bias;

  // Normal numbers: rounding the pattern rounds the value, a carry into the exponent included.
  Value result = shiftRounding(l, magnitude, l.constant(bits, drop),
                               l.constant(bits, (uint64_t{1} << (drop - 1)) - 1));
  result = l.sub(result, static_cast<uint64_t>(rebias) << to.mantissaBits);
  // Denormals of the target lose one more bit per step below its least exponent. Beyond
  // mantissaBits + 2 all are zero, as are the source's own denormals.
  Value field = l.shiftRight(magnitude, from.mantissaBits);
  Value significand = l.bitOr(l.bitAnd(magnitude, from.mantissaMask()), from.mantissaMask() + 1);
  Value count = l.minimum(l.sub(l.constant(bits, rebias + 1 + drop), field), from.mantissaBits + 2);
  // Not 1 << (count - 1): SSE shifts by way of floats, and a count of -1 in a lane that is not
  // used would raise a floating-point exception.
  Value half = l.shiftRight(l.shiftLeft(l.constant(bits, 1), count), 1);
  Value denormal = shiftRounding(l, significand, count, l.sub(half, 1));
  const uint64_t leastNormal = static_cast<uint64_t>(rebias + 1) << from.mantissaBits;
  result = l.select(l.less(magnitude, leastNormal), denormal, result);
  uint64_t beyond = to.overflowMagnitude(overflow);
  if (overflow == Overflow::Nan)
    result = l.select(l.less(to.maxFinite(), result), l.constant(bits, beyond), result);
  else
    result = l.minimum(result, beyond);
  Value nan = l.bitOr(l.bitAnd(l.shiftRight(magnitude, drop), to.mantissaMask()), to.quietNan());
  result = l.select(l.less(from.topExponent(), magnitude), nan, result);
  Value sign = l.bitAnd(l.shiftRight(bits, from.bits - to.bits), to.signBit());
  return l.truncate(l.bitOr(result, sign), to.bits);
}

/// f32 to f16 and back have instructions on this target.
bool isNative(DType from, DType to, const Target &target) {
  return target.convertsF16 &&
         ((from == DType::F16 && to == DType::F32) || (from == DType::F32 && to == DType::F16));
}

Value castFloat(Lanes &l, Value value, const FloatFormat &from, const FloatFormat &to,
                Overflow overflow, const Target &target, bool floatUnit = false) {
  if (floatUnit && from.type == DType::F32 && to.type == DType::F64)
    return l.f64FromF32(value);
  if (floatUnit && from.type == DType::F64 && to.type == DType::F32)
    return l.f32FromF64(value);
  // Formats below 32 bits go through f32, which holds all their values: one rounding in all.
  if (from.bits < 32 && to.type != DType::F32) {
    Value wide = castFloat(l, value, from, recipe::kF32, Overflow::Ieee, target);
    // bf16 is the upper half of f32; of what it holds, nothing is in the lower half.
    if (to.type == DType::BF16 && recipe::formatContains(to, from))
      return l.truncate(l.shiftRight(wide, 16), 16);
    return castFloat(l, wide, recipe::kF32, to, overflow, target, floatUnit);
  }
  if (isNative(from.type, to.type, target))
    return from.type == DType::F16 ? l.f32FromF16(value) : l.f16FromF32(value);
  if (to.bits > from.bits)
    return widen(l, value, from, to);
  return narrow(l, value, from, to, overflow);
}

bool isSigned(DType type) {
  return type == DType::I8 || type == DType::I16 || type == DType::I32 || type == DType::I64;
}

/// The f64 of a 64-bit integer below 2^53; of others, of their low 53 bits. Each half joins the
/// mantissa of a power of two whose last place fits it; taking the powers away again is exact, so
/// no rounding mode has a say, except in the sign of zero, which is cut off.
Value f64BitsBelow53(Lanes &l, Value magnitude) {
  constexpr uint64_t kTwo52 = 0x4330000000000000, kTwo84 = 0x4530000000000000,
                     kBoth = 0x4530000000100000; // 2^84 + 2^52
  Value low = l.bitOr(l.bitAnd(magnitude, 0xffffffff), kTwo52);
  Value high = l.bitOr(l.bitAnd(l.shiftRight(magnitude, 32), (1 << 21) - 1), kTwo84);
  Value sum = l.addF64(l.subF64(high, l.constant(high, kBoth)), low);
  return l.bitAnd(sum, recipe::kF64.magnitudeMask());
}

/// A 64-bit integer as f64, rounded to nearest even.
Value f64Rounded(Lanes &l, Value magnitude) {
  // Its width, from the exponent of what is left of it after eleven bits.
  Value field = l.shiftRight(f64BitsBelow53(l, l.shiftRight(magnitude, 11)), 52);
  // 2^53 and more: between 1 and 11 bits are dropped. Others give a count that is not used.
  Value drop = l.minimum(l.sub(field, 1023 + 52 - 11), 11);
  Value half = l.shiftRight(l.shiftLeft(l.constant(drop, 1), drop), 1);
  // Not shiftRounding: its sum may carry beyond 64 bits.
  Value kept = l.shiftRight(magnitude, drop);
  Value rest = l.sub(magnitude, l.shiftLeft(kept, drop));
  Value up = l.select(l.less(half, l.add(rest, l.bitAnd(kept, 1))), l.constant(kept, 1),
                      l.constant(kept, 0));
  Value large = l.add(l.add(kept, up), l.shiftLeft(l.add(drop, 1023 + 51), 52));
  return l.select(l.less(magnitude, uint64_t{1} << 53), f64BitsBelow53(l, magnitude), large);
}

/// A 64-bit integer as f64 whose last bit stands for all that were cut off: rounding it again, to a
/// format of at most 24 bits, rounds the integer.
Value f64Sticky(Lanes &l, Value magnitude) {
  Value rest = l.bitAnd(magnitude, 0x7ff);
  Value cut = l.bitOr(l.shiftRight(magnitude, 11),
                      l.select(l.equal(rest, 0), l.constant(rest, 0), l.constant(rest, 1)));
  Value large = l.add(f64BitsBelow53(l, cut), uint64_t{11} << 52);
  return l.select(l.less(magnitude, uint64_t{1} << 53), f64BitsBelow53(l, magnitude), large);
}

/// Integers, as `value` of the width of `from`, to a float.
Value castInteger(Lanes &l, Value value, DType from, const FloatFormat &to, Overflow overflow,
                  const Target &target) {
  const bool small = bitWidth(from) <= 16;
  Value wide = l.extend(value, small ? 32 : 64, isSigned(from));
  const unsigned bits = small ? 32 : 64;
  Value magnitude = wide, sign;
  if (isSigned(from)) {
    Value negative = l.less((uint64_t{1} << (bits - 1)) - 1, wide);
    magnitude = l.select(negative, l.sub(l.constant(wide, 0), wide), wide);
    sign = l.bitAnd(wide, uint64_t{1} << (bits - 1));
  }
  // f32 holds what has 16 bits, f64 what has 32.
  const FloatFormat &exact = small ? recipe::kF32 : recipe::kF64;
  Value number;
  if (small)
    number = l.floatBits(magnitude, 32);
  else if (bitWidth(from) == 32)
    number = f64BitsBelow53(l, magnitude);
  else
    number = to.type == DType::F64 ? f64Rounded(l, magnitude) : f64Sticky(l, magnitude);
  if (sign)
    number = l.bitOr(number, sign);
  // Minus zero is not among the integers: a sign comes with a magnitude.
  return to.type == exact.type ? number : castFloat(l, number, exact, to, overflow, target);
}
} // namespace

Value emitCast(Lanes &lanes, Value value, DType from, DType to, Overflow overflow,
               const Target &target, bool floatUnit) {
  const FloatFormat *source = recipe::floatFormat(from), *result = recipe::floatFormat(to);
  if (source && result)
    return castFloat(lanes, value, *source, *result, overflow, target, floatUnit);
  if (from == DType::Bool)
    value = lanes.minimum(value, 1);
  if (result)
    return castInteger(lanes, value, from, *result, overflow, target);
  return lanes.extend(value, bitWidth(to), isSigned(from));
}

bool castUsesFloatUnit(DType from, DType to, const Target &target) {
  // What goes by way of f64 is not rounded to f32 on its way: that would be once too often.
  const bool byF64 = from == DType::F64 || (!recipe::floatFormat(from) && bitWidth(from) > 16);
  return isNative(from, DType::F32, target) || (!byF64 && isNative(DType::F32, to, target));
}

} // namespace recast::codegen
