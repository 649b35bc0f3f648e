#include "compiler/Codegen/Lanes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace recast::codegen {

Type Lanes::lanesOf(Type element) {
  return count_ == 1 ? element : VectorType::get({count_}, element);
}
Type Lanes::integers(unsigned bits) { return lanesOf(builder_.getIntegerType(bits)); }

Value Lanes::constant(Value like, uint64_t value) {
  unsigned bits = getElementTypeOrSelf(like).getIntOrFloatBitWidth();
  TypedAttr attribute =
      builder_.getIntegerAttr(builder_.getIntegerType(bits), APInt(bits, value, false, true));
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    attribute = DenseElementsAttr::get(vector, APInt(bits, value, false, true));
  return arith::ConstantOp::create(builder_, attribute);
}

Value Lanes::everywhere(Value one) {
  if (count_ == 1)
    return one;
  return vector::BroadcastOp::create(builder_, lanesOf(one.getType()), one);
}

Value Lanes::add(Value a, Value b) { return arith::AddIOp::create(builder_, a, b); }
Value Lanes::sub(Value a, Value b) { return arith::SubIOp::create(builder_, a, b); }
Value Lanes::bitAnd(Value a, Value b) { return arith::AndIOp::create(builder_, a, b); }
Value Lanes::bitOr(Value a, Value b) { return arith::OrIOp::create(builder_, a, b); }
Value Lanes::shiftLeft(Value a, Value b) { return arith::ShLIOp::create(builder_, a, b); }
Value Lanes::shiftRight(Value a, Value b) { return arith::ShRUIOp::create(builder_, a, b); }
Value Lanes::minimum(Value a, Value b) { return arith::MinUIOp::create(builder_, a, b); }
Value Lanes::less(Value a, Value b) {
  return arith::CmpIOp::create(builder_, arith::CmpIPredicate::ult, a, b);
}
Value Lanes::equal(Value a, Value b) {
  return arith::CmpIOp::create(builder_, arith::CmpIPredicate::eq, a, b);
}
Value Lanes::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder_, condition, a, b);
}

Value Lanes::extend(Value a, unsigned bits, bool isSigned) {
  if (getElementTypeOrSelf(a).getIntOrFloatBitWidth() == bits)
    return a;
  if (isSigned)
    return arith::ExtSIOp::create(builder_, integers(bits), a);
  return arith::ExtUIOp::create(builder_, integers(bits), a);
}
Value Lanes::truncate(Value a, unsigned bits) {
  if (getElementTypeOrSelf(a).getIntOrFloatBitWidth() == bits)
    return a;
  return arith::TruncIOp::create(builder_, integers(bits), a);
}

Value Lanes::floatBits(Value a, unsigned bits) {
  Type type = bits == 32 ? Type(builder_.getF32Type()) : Type(builder_.getF64Type());
  // Every processor converts from 32 bits; from 64 it takes AVX-512 or a detour.
  Value number = arith::SIToFPOp::create(builder_, lanesOf(type), truncate(a, 32));
  return arith::BitcastOp::create(builder_, integers(bits), number);
}

Value Lanes::asF64(Value bits) {
  return arith::BitcastOp::create(builder_, lanesOf(builder_.getF64Type()), bits);
}
Value Lanes::bitsOfF64(Value number) {
  return arith::BitcastOp::create(builder_, integers(64), number);
}
Value Lanes::addF64(Value a, Value b) {
  return bitsOfF64(arith::AddFOp::create(builder_, asF64(a), asF64(b)));
}
Value Lanes::subF64(Value a, Value b) {
  return bitsOfF64(arith::SubFOp::create(builder_, asF64(a), asF64(b)));
}
Value Lanes::mulF64(Value a, Value b) {
  return bitsOfF64(arith::MulFOp::create(builder_, asF64(a), asF64(b)));
}
Value Lanes::divF64(Value a, Value b) {
  return bitsOfF64(arith::DivFOp::create(builder_, asF64(a), asF64(b)));
}
Value Lanes::sqrtF64(Value a) { return bitsOfF64(math::SqrtOp::create(builder_, asF64(a))); }
Value Lanes::isNanF64(Value a) {
  return arith::CmpFOp::create(builder_, arith::CmpFPredicate::UNO, asF64(a), asF64(a));
}

Value Lanes::any(Value a) {
  if (count_ == 1)
    return a;
  return vector::ReductionOp::create(builder_, vector::CombiningKind::OR, a);
}

Value Lanes::f64FromF32(Value a) {
  Value single = arith::BitcastOp::create(builder_, lanesOf(builder_.getF32Type()), a);
  return bitsOfF64(arith::ExtFOp::create(builder_, lanesOf(builder_.getF64Type()), single));
}
Value Lanes::f32FromF64(Value a) {
  // There and back again makes signalling NaNs quiet. Both conversions together would fold away.
  if (auto bits = a.getDefiningOp<arith::BitcastOp>())
    if (auto wide = bits.getIn().getDefiningOp<arith::ExtFOp>())
      if (auto single = wide.getIn().getDefiningOp<arith::BitcastOp>()) {
        Value from = single.getIn();
        return select(less(0x7f800000, bitAnd(from, 0x7fffffff)), bitOr(from, 0x400000), from);
      }
  Value single = arith::TruncFOp::create(builder_, lanesOf(builder_.getF32Type()), asF64(a));
  return arith::BitcastOp::create(builder_, integers(32), single);
}

Value Lanes::f32FromF16(Value a) {
  Value half = arith::BitcastOp::create(builder_, lanesOf(builder_.getF16Type()), a);
  Value single = arith::ExtFOp::create(builder_, lanesOf(builder_.getF32Type()), half);
  return arith::BitcastOp::create(builder_, integers(32), single);
}
/// The f16 that `a` was made of by f32FromF16, or null.
static Value widenedF16(Value a) {
  auto bits = a.getDefiningOp<arith::BitcastOp>();
  auto wide = bits ? bits.getIn().getDefiningOp<arith::ExtFOp>() : nullptr;
  auto half = wide ? wide.getIn().getDefiningOp<arith::BitcastOp>() : nullptr;
  return half ? half.getIn() : Value();
}

Value Lanes::f16FromF32(Value a) {
  // There and back again makes signalling NaNs quiet. Both conversions together would fold away.
  if (Value half = widenedF16(a))
    return select(less(0x7c00, bitAnd(half, 0x7fff)), bitOr(half, 0x0200), half);
  Value single = arith::BitcastOp::create(builder_, lanesOf(builder_.getF32Type()), a);
  Value half = arith::TruncFOp::create(builder_, lanesOf(builder_.getF16Type()), single);
  return arith::BitcastOp::create(builder_, integers(16), half);
}

} // namespace recast::codegen
