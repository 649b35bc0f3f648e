// Inputs that casts are tested with, and hostile floating-point environments to test them in.
#pragma once

#include "runtime/recipe/FloatFormat.h"

#include <cfenv>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace recast::recipe::test {

/// A vector file: a count, then columns (see test/data/casts/generate.py).
class Columns {
public:
  explicit Columns(const std::string &name) {
    std::ifstream file(std::string(RECAST_TEST_DATA "/casts/") + name, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes_.size() >= 4)
      std::memcpy(&count_, bytes_.data(), 4);
  }
  size_t count() const { return count_; }
  template <typename T> std::vector<T> next() {
    std::vector<T> column(count_);
    if (at_ + count_ * sizeof(T) <= bytes_.size())
      std::memcpy(column.data(), bytes_.data() + at_, count_ * sizeof(T));
    at_ += count_ * sizeof(T);
    return column;
  }
  /// Every byte belonged to a column.
  bool finished() const { return count_ > 0 && at_ == bytes_.size(); }

private:
  std::vector<char> bytes_;
  uint32_t count_ = 0;
  size_t at_ = 4;
};

/// All patterns of formats up to 16 bits; for wider ones every exponent with mantissas around every
/// power of two, and `random` patterns.
inline std::vector<uint64_t> samples(const FloatFormat &format, size_t random) {
  std::vector<uint64_t> bits;
  if (format.bits <= 16) {
    for (uint64_t i = 0; i < uint64_t{1} << format.bits; ++i)
      bits.push_back(i);
    return bits;
  }
  std::mt19937_64 generator(format.bits);
  for (uint64_t field = 0; field < uint64_t{1} << format.exponentBits(); ++field)
    for (unsigned position = 0; position <= format.mantissaBits; ++position)
      for (int delta : {-1, 0, 1}) {
        uint64_t mantissa = ((uint64_t{1} << position) + delta) & format.mantissaMask();
        uint64_t sign = generator() & 1 ? format.signBit() : 0;
        bits.push_back(sign | field << format.mantissaBits | mantissa);
        bits.push_back(bits.back() ^ format.mantissaMask());
      }
  uint64_t mask = format.magnitudeMask() | format.signBit();
  for (size_t i = 0; i < random; ++i)
    bits.push_back(generator() & mask);
  return bits;
}

inline constexpr DType kIntegerTypes[] = {DType::Bool, DType::U8,  DType::I8,
                                          DType::U16,  DType::I16, DType::U32,
                                          DType::I32,  DType::U64, DType::I64};
inline bool isSignedInteger(DType type) {
  return type == DType::I8 || type == DType::I16 || type == DType::I32 || type == DType::I64;
}

/// All patterns of types up to 16 bits; for wider ones the neighbours of every power of two and of
/// every midpoint between values of every float format, and `random` patterns of every width.
inline std::vector<uint64_t> integerSamples(DType type, size_t random) {
  const unsigned width = bitWidth(type);
  std::vector<uint64_t> bits;
  if (width <= 16) {
    for (uint64_t i = 0; i < uint64_t{1} << width; ++i)
      bits.push_back(i);
    return bits;
  }
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  auto add = [&](uint64_t x) {
    bits.push_back(x & mask);
    bits.push_back((0 - x) & mask);
  };
  for (unsigned top = 0; top < width; ++top)
    for (int delta : {-1, 0, 1}) {
      add((uint64_t{1} << top) + delta);
      for (const FloatFormat &format : kFloatFormats)
        if (top > format.mantissaBits) { // An odd and an even mantissa with a half behind it.
          uint64_t half = uint64_t{1} << (top - format.mantissaBits - 1);
          add((uint64_t{1} << top) + half + delta);
          add((uint64_t{1} << top) + 3 * half + delta);
          add((uint64_t{2} << top) - half + delta); // Carries into the next binade.
        }
    }
  std::mt19937_64 generator(width);
  for (size_t i = 0; i < random; ++i)
    add(generator() >> (generator() % width));
  return bits;
}

/// Every setting of the floating-point unit that could leak into a cast.
class Environment {
public:
  static constexpr int kCount = 16;
  explicit Environment(int index) {
    constexpr int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    std::fegetenv(&saved_);
    std::fesetround(rounding[index % 4]);
#if defined(__SSE2__)
    if (index & 4)
      _mm_setcsr(_mm_getcsr() | 0x8040); // Flush denormal results and inputs.
    if (index & 8)
      _mm_setcsr(_mm_getcsr() & ~0x1fbfu); // Trap on every exception; none is pending.
#endif
  }
  ~Environment() { std::fesetenv(&saved_); }
  Environment(const Environment &) = delete;

private:
  std::fenv_t saved_;
};

/// The overflow rules that a cast to `type` may have.
inline std::vector<Overflow> overflowRules(DType type) {
  std::vector<Overflow> rules;
  for (Overflow rule : {Overflow::Ieee, Overflow::Saturate, Overflow::Nan})
    if (overflowAllowed(type, rule))
      rules.push_back(rule);
  return rules;
}

/// Patterns packed as an array of elements of the format.
inline std::vector<std::byte> pack(const std::vector<uint64_t> &bits, unsigned width) {
  std::vector<std::byte> bytes(bits.size() * width);
  for (size_t i = 0; i < bits.size(); ++i)
    std::memcpy(bytes.data() + i * width, &bits[i], width);
  return bytes;
}

} // namespace recast::recipe::test
