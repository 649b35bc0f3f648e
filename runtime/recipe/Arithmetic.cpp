// f64 sums and quotients that come out the same everywhere.
#include "runtime/recipe/CastLoops.h"

#include <bit>
#include <cfenv>
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

// Both want the default environment; the compiler must not move the operation out of it.
uint64_t add(uint64_t a, uint64_t b) {
  if (isNaN(a))
    return a | kQuiet;
  if (isNaN(b))
    return b | kQuiet;
  volatile double sum = std::bit_cast<double>(a);
  sum = sum + std::bit_cast<double>(b);
  return known(sum);
}

uint64_t divide(uint64_t a, uint16_t divisor) {
  if (isNaN(a))
    return a | kQuiet;
  volatile double quotient = std::bit_cast<double>(a);
  quotient = quotient / divisor;
  return known(quotient);
}

} // namespace

uint64_t addBits(uint64_t a, uint64_t b) {
  DefaultEnvironment environment;
  return add(a, b);
}

uint64_t divideBits(uint64_t a, uint16_t divisor) {
  DefaultEnvironment environment;
  return divide(a, divisor);
}

void arithmeticLoop(const Node &node, const std::byte *a, const std::byte *b, std::byte *out,
                    int64_t count) {
  DefaultEnvironment environment;
  for (int64_t i = 0; i < count; ++i, a += 8, out += 8) {
    uint64_t left, right = 0;
    std::memcpy(&left, a, 8);
    if (node.op == Op::Add)
      std::memcpy(&right, b + i * 8, 8);
    uint64_t result = node.op == Op::Add ? add(left, right) : divide(left, node.slot);
    std::memcpy(out, &result, 8);
  }
}

} // namespace recast::recipe
