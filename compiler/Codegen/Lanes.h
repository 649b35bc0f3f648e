// Arithmetic on the lanes of a vector, or on one scalar: kernels build the body of their vector
// loop and of the scalar loop for the rest with the same code.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cstdint>

namespace recast::codegen {

class Lanes {
public:
  /// `count` lanes; 1 means scalars.
  Lanes(mlir::ImplicitLocOpBuilder &builder, int64_t count) : builder_(builder), count_(count) {}

  int64_t count() const { return count_; }
  mlir::ImplicitLocOpBuilder &builder() { return builder_; }
  /// One integer of `bits` bits in every lane.
  mlir::Type integers(unsigned bits);
  /// `value` in every lane, of the type of `like`.
  mlir::Value constant(mlir::Value like, uint64_t value);
  /// A single integer in every lane.
  mlir::Value everywhere(mlir::Value one);

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value bitAnd(mlir::Value a, mlir::Value b);
  mlir::Value bitOr(mlir::Value a, mlir::Value b);
  mlir::Value shiftLeft(mlir::Value a, mlir::Value b);
  mlir::Value shiftRight(mlir::Value a, mlir::Value b);
  mlir::Value minimum(mlir::Value a, mlir::Value b); ///< Unsigned.
  mlir::Value less(mlir::Value a, mlir::Value b);    ///< Unsigned; one bit per lane.
  mlir::Value equal(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value extend(mlir::Value a, unsigned bits, bool isSigned = false);
  mlir::Value truncate(mlir::Value a, unsigned bits);
  /// The bits of the f32 or f64 (by `bits`) whose value is the integer `a`, which is below 2^24.
  /// Exact, so neither the rounding mode nor the flushing of denormals has a say.
  mlir::Value floatBits(mlir::Value a, unsigned bits);
  /// f64 arithmetic on values given as bits; obeys MXCSR unless it is exact. Which NaN comes out is
  /// the processor's choice.
  mlir::Value addF64(mlir::Value a, mlir::Value b);
  mlir::Value subF64(mlir::Value a, mlir::Value b);
  mlir::Value mulF64(mlir::Value a, mlir::Value b);
  mlir::Value divF64(mlir::Value a, mlir::Value b);
  mlir::Value sqrtF64(mlir::Value a);
  mlir::Value isNanF64(mlir::Value a); ///< One bit per lane.
  /// One bit: whether it is set in some lane.
  mlir::Value any(mlir::Value a);
  /// f32 to f64 and back by the processor's conversions, on bits. NaNs come out quiet with their
  /// sign and top bits. Both obey MXCSR.
  mlir::Value f64FromF32(mlir::Value a);
  mlir::Value f32FromF64(mlir::Value a);
  /// f16 to f32 and back by the processor's conversions, on bits. Narrowing obeys MXCSR.
  mlir::Value f32FromF16(mlir::Value a);
  mlir::Value f16FromF32(mlir::Value a);

  mlir::Value add(mlir::Value a, uint64_t b) { return add(a, constant(a, b)); }
  mlir::Value sub(mlir::Value a, uint64_t b) { return sub(a, constant(a, b)); }
  mlir::Value bitAnd(mlir::Value a, uint64_t b) { return bitAnd(a, constant(a, b)); }
  mlir::Value bitOr(mlir::Value a, uint64_t b) { return bitOr(a, constant(a, b)); }
  mlir::Value shiftLeft(mlir::Value a, uint64_t b) { return shiftLeft(a, constant(a, b)); }
  mlir::Value shiftRight(mlir::Value a, uint64_t b) { return shiftRight(a, constant(a, b)); }
  mlir::Value minimum(mlir::Value a, uint64_t b) { return minimum(a, constant(a, b)); }
  mlir::Value less(mlir::Value a, uint64_t b) { return less(a, constant(a, b)); }
  mlir::Value less(uint64_t a, mlir::Value b) { return less(constant(b, a), b); }
  mlir::Value equal(mlir::Value a, uint64_t b) { return equal(a, constant(a, b)); }

private:
  mlir::Type lanesOf(mlir::Type element);
  mlir::Value asF64(mlir::Value bits);
  mlir::Value bitsOfF64(mlir::Value number);

  mlir::ImplicitLocOpBuilder &builder_;
  int64_t count_;
};

} // namespace recast::codegen
