// f64 arithmetic that comes out the same everywhere.
#include "runtime/recipe/CastLoops.h"

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstring>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace recast::recipe {
namespace {

constexpr uint64_t kQuiet = uint64_t{1} << 51;
constexpr uint64_t kNoValue = 0x7ff8000000000000;

bool isNaN(uint64_t bits) { return (bits & ~(uint64_t{1} << 63)) > 0x7ff0000000000000; }

/// The environment that processes start in, while this lives: denormals count, nearest even.
class DefaultEnvironment {
public:
#if defined(__SSE2__)
  DefaultEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~DefaultEnvironment() { _mm_setcsr(saved_); }

private:
  unsigned saved_;
#else
  DefaultEnvironment() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultEnvironment() { std::fesetenv(&saved_); }

private:
  std::fenv_t saved_;
#endif
};

uint64_t known(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  return isNaN(bits) ? kNoValue : bits;
}

/// Wants the default environment; the compiler must not move the operation out of it. One operand:
/// `b` is 0.
uint64_t compute(Op op, uint64_t a, uint64_t b) {
  if (isNaN(a))
    return a | kQuiet;
  if (isNaN(b))
    return b | kQuiet;
  volatile double x = std::bit_cast<double>(a), y = std::bit_cast<double>(b), result = 0;
  switch (op) {
  case Op::Add:
    result = x + y;
    break;
  case Op::Subtract:
    result = x - y;
    break;
  case Op::Multiply:
    result = x * y;
    break;
  case Op::Quotient:
  case Op::Divide: // The loop below makes an f64 of the number.
    result = x / y;
    break;
  case Op::SquareRoot:
    result = std::sqrt(x);
    break;
  case Op::Load:
  case Op::Scalar:
  case Op::Cast:
  case Op::Store:
  case Op::CheckEqual:
    break;
  }
  return known(result);
}

uint64_t computeAlone(Op op, uint64_t a, uint64_t b) {
  DefaultEnvironment environment;
  return compute(op, a, b);
}

uint64_t bitsOf(uint16_t number) { return std::bit_cast<uint64_t>(static_cast<double>(number)); }

} // namespace

uint64_t addBits(uint64_t a, uint64_t b) { return computeAlone(Op::Add, a, b); }
uint64_t subtractBits(uint64_t a, uint64_t b) { return computeAlone(Op::Subtract, a, b); }
uint64_t multiplyBits(uint64_t a, uint64_t b) { return computeAlone(Op::Multiply, a, b); }
uint64_t quotientBits(uint64_t a, uint64_t b) { return computeAlone(Op::Quotient, a, b); }
uint64_t divideBits(uint64_t a, uint16_t divisor) {
  return computeAlone(Op::Divide, a, bitsOf(divisor));
}
uint64_t squareRootBits(uint64_t a) { return computeAlone(Op::SquareRoot, a, 0); }

void arithmeticLoop(const Node &node, const std::byte *a, const std::byte *b, std::byte *out,
                    int64_t count) {
  DefaultEnvironment environment;
  const bool hasTwo = operandCount(node.op) > 1;
  uint64_t left, right = node.op == Op::Divide ? bitsOf(node.slot) : 0;
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(&left, a + i * 8, 8);
    if (hasTwo)
      std::memcpy(&right, b + i * 8, 8);
    uint64_t result = compute(node.op, left, right);
    std::memcpy(out + i * 8, &result, 8);
  }
}

} // namespace recast::recipe
