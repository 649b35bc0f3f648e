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
                Overflow overflow, const Target &target) {
  // Formats below 32 bits go through f32, which holds all their values: one rounding in all.
  if (from.bits < 32 && to.type != DType::F32) {
    Value wide = castFloat(l, value, from, recipe::kF32, Overflow::Ieee, target);
    // bf16 is the upper half of f32; of what it holds, nothing is in the lower half.
    if (to.type == DType::BF16 && recipe::formatContains(to, from))
      return l.truncate(l.shiftRight(wide, 16), 16);
    return castFloat(l, wide, recipe::kF32, to, overflow, target);
  }
  if (isNative(from.type, to.type, target))
    return from.type == DType::F16 ? l.f32FromF16(value) : l.f16FromF32(value);
  if (to.bits > from.bits)
    return widen(l, value, from, to);
  return narrow(l, value, from, to, overflow);
}

bool isSigned(DType type) { return type == DType::I8 || type == DType::I16 || type == DType::I32; }
} // namespace

Value emitCast(Lanes &lanes, Value value, DType from, DType to, Overflow overflow,
               const Target &target) {
  const FloatFormat *source = recipe::floatFormat(from), *result = recipe::floatFormat(to);
  if (source && result)
    return castFloat(lanes, value, *source, *result, overflow, target);
  return lanes.extend(value, bitWidth(to), isSigned(from));
}

bool castUsesFloatUnit(DType from, DType to, const Target &target) {
  // From f64 there is no way through f32: it would round twice.
  return isNative(from, DType::F32, target) ||
         (from != DType::F64 && isNative(DType::F32, to, target));
}

} // namespace recast::codegen
