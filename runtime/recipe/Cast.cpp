#include "runtime/recipe/CastChain.h"
#include "runtime/recipe/CastLoops.h"
#include "runtime/recipe/FloatFormat.h"

#include <array>
#include <cstring>
#include <fmt/format.h>
#include <type_traits>

namespace recast::recipe {
namespace {
static_assert(std::endian::native == std::endian::little,
              "checkpoints are little-endian, and so are the loads and stores here");

template <unsigned Bits>
using UIntOf = std::conditional_t<
    Bits == 8, uint8_t,
    std::conditional_t<Bits == 16, uint16_t, std::conditional_t<Bits == 32, uint32_t, uint64_t>>>;

template <FloatFormat From, FloatFormat To>
void castFloats(const std::byte *in, std::byte *out, int64_t count, Overflow rule) {
  using Source = UIntOf<From.bits>;
  using Target = UIntOf<To.bits>;
  const uint64_t overflow = To.overflowMagnitude(rule);
  for (int64_t i = 0; i < count; ++i) {
    Source source;
    std::memcpy(&source, in + i * sizeof(Source), sizeof(Source));
    auto target = static_cast<Target>(convertFloat<From, To>(source, overflow));
    std::memcpy(out + i * sizeof(Target), &target, sizeof(Target));
  }
}

/// A stored bool: every byte but zero is true.
struct StoredBool {
  uint8_t byte;
};
template <typename T> constexpr T valueOf(T stored) { return stored; }
constexpr uint8_t valueOf(StoredBool stored) { return stored.byte != 0; }

template <typename Source, typename Target>
void widen(const std::byte *in, std::byte *out, int64_t count, Overflow) {
  for (int64_t i = 0; i < count; ++i) {
    Source source;
    std::memcpy(&source, in + i * sizeof(Source), sizeof(Source));
    auto target = static_cast<Target>(valueOf(source));
    std::memcpy(out + i * sizeof(Target), &target, sizeof(Target));
  }
}

template <typename Source, FloatFormat To>
void integersToFloats(const std::byte *in, std::byte *out, int64_t count, Overflow rule) {
  using Target = UIntOf<To.bits>;
  const uint64_t overflow = To.overflowMagnitude(rule);
  for (int64_t i = 0; i < count; ++i) {
    Source source;
    std::memcpy(&source, in + i * sizeof(Source), sizeof(Source));
    auto target = static_cast<Target>(convertInteger<To>(valueOf(source), overflow));
    std::memcpy(out + i * sizeof(Target), &target, sizeof(Target));
  }
}

using Table = std::array<std::array<CastLoop, kDTypeCount>, kDTypeCount>;

template <FloatFormat From, FloatFormat To> constexpr void addFloats(Table &table) {
  if constexpr (From.type != To.type)
    table[static_cast<size_t>(From.type)][static_cast<size_t>(To.type)] = castFloats<From, To>;
}
template <FloatFormat From> constexpr void addFloatsFrom(Table &table) {
  addFloats<From, kF64>(table);
  addFloats<From, kF32>(table);
  addFloats<From, kBF16>(table);
  addFloats<From, kF16>(table);
  addFloats<From, kF8E5M2>(table);
  addFloats<From, kF8E4M3FN>(table);
}

template <typename T> constexpr DType integerType() {
  if constexpr (std::is_same_v<T, StoredBool>)
    return DType::Bool;
  constexpr unsigned log = std::bit_width(sizeof(T)) - 1;
  constexpr DType unsignedTypes[] = {DType::U8, DType::U16, DType::U32, DType::U64};
  constexpr DType signedTypes[] = {DType::I8, DType::I16, DType::I32, DType::I64};
  return std::is_signed_v<T> ? signedTypes[log] : unsignedTypes[log];
}
template <typename Source, typename Target> constexpr void addIntegers(Table &table) {
  // A wider type holds every value unless it loses the sign; zero and one fit everywhere.
  if constexpr (std::is_same_v<Source, StoredBool> ||
                (sizeof(Target) > sizeof(Source) &&
                 (std::is_signed_v<Target> || std::is_unsigned_v<Source>)))
    table[static_cast<size_t>(integerType<Source>())][static_cast<size_t>(integerType<Target>())] =
        widen<Source, Target>;
}
template <typename Source, FloatFormat To> constexpr void addIntegerToFloat(Table &table) {
  table[static_cast<size_t>(integerType<Source>())][static_cast<size_t>(To.type)] =
      integersToFloats<Source, To>;
}
template <typename Source> constexpr void addIntegersFrom(Table &table) {
  addIntegers<Source, uint8_t>(table);
  addIntegers<Source, int8_t>(table);
  addIntegers<Source, uint16_t>(table);
  addIntegers<Source, int16_t>(table);
  addIntegers<Source, uint32_t>(table);
  addIntegers<Source, int32_t>(table);
  addIntegers<Source, uint64_t>(table);
  addIntegers<Source, int64_t>(table);
  addIntegerToFloat<Source, kF64>(table);
  addIntegerToFloat<Source, kF32>(table);
  addIntegerToFloat<Source, kBF16>(table);
  addIntegerToFloat<Source, kF16>(table);
  addIntegerToFloat<Source, kF8E5M2>(table);
  addIntegerToFloat<Source, kF8E4M3FN>(table);
}

constexpr Table kLoops = [] {
  Table table{};
  addFloatsFrom<kF64>(table);
  addFloatsFrom<kF32>(table);
  addFloatsFrom<kBF16>(table);
  addFloatsFrom<kF16>(table);
  addFloatsFrom<kF8E5M2>(table);
  addFloatsFrom<kF8E4M3FN>(table);
  addIntegersFrom<StoredBool>(table);
  addIntegersFrom<uint8_t>(table);
  addIntegersFrom<int8_t>(table);
  addIntegersFrom<uint16_t>(table);
  addIntegersFrom<int16_t>(table);
  addIntegersFrom<uint32_t>(table);
  addIntegersFrom<int32_t>(table);
  addIntegersFrom<uint64_t>(table);
  addIntegersFrom<int64_t>(table);
  return table;
}();
} // namespace

CastLoop castLoop(DType from, DType to) {
  return kLoops[static_cast<size_t>(from)][static_cast<size_t>(to)];
}

namespace {
/// Bits that the magnitudes of an integer type need; the least integer is a power of two and needs
/// no mantissa.
unsigned integerValueBits(DType type) {
  switch (type) {
  case DType::Bool:
    return 1;
  case DType::I8:
  case DType::I16:
  case DType::I32:
  case DType::I64:
    return bitWidth(type) - 1;
  default:
    return bitWidth(type);
  }
}
} // namespace

uint64_t castBits(uint64_t bits, DType from, DType to, Overflow overflow) {
  if (from == to)
    return byteWidth(from) >= 8 ? bits : bits & ((uint64_t{1} << bitWidth(from)) - 1);
  std::byte in[8], out[8] = {};
  std::memcpy(in, &bits, sizeof(in));
  castLoop(from, to)(in, out, 1, overflow);
  uint64_t result;
  std::memcpy(&result, out, sizeof(result));
  return result;
}

bool castSupported(DType from, DType to) {
  if (from == to)
    return byteWidth(from) >= 1 && byteWidth(from) <= 8;
  return castLoop(from, to) != nullptr;
}

bool castExact(DType from, DType to) {
  if (!castSupported(from, to))
    return false;
  const FloatFormat *source = floatFormat(from), *target = floatFormat(to);
  // Between integers, casts are only supported where they are exact.
  if (from == to || !target)
    return true;
  return source ? formatContains(*target, *source)
                : formatContainsIntegers(*target, integerValueBits(from));
}

bool castsAsOne(DType from, DType between, DType to) {
  return whyNotOneCast(from, between, to).empty();
}

std::string whyNotOneCast(DType from, DType between, DType to) {
  if (from == between || between == to)
    return "one of the two changes no dtype";
  if (!castExact(from, between))
    return fmt::format("{} -> {} rounds, and rounding twice is not rounding once", name(from),
                       name(between));
  if (from == to)
    return fmt::format("{} -> {} -> {} makes signalling NaNs quiet, so it is not nothing",
                       name(from), name(between), name(to));
  if (!castSupported(between, to) || !castSupported(from, to))
    return fmt::format("there is no cast {} -> {}", name(from), name(to));
  return {};
}

bool overflowAllowed(DType to, Overflow overflow) {
  switch (overflow) {
  case Overflow::Ieee:
    return to != DType::F8E4M3FN;
  case Overflow::Saturate:
    return to == DType::F8E4M3FN || to == DType::F8E5M2;
  case Overflow::Nan:
    return to == DType::F8E4M3FN;
  }
  return false;
}

} // namespace recast::recipe
