#include "tools/recast/ValueDifference.h"

#include "runtime/recipe/Compare.h"
#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace recast::tools {
namespace {

const std::byte *bytesOf(const std::string &text, size_t offset) {
  return reinterpret_cast<const std::byte *>(text.data()) + offset;
}

std::string hexOf(const std::string &bytes, size_t offset, size_t width) {
  std::string out = "0x";
  for (size_t i = width; i-- > 0;)
    out += fmt::format("{:02x}", static_cast<unsigned char>(bytes[offset + i]));
  return out;
}

/// Index of the first element from `from` on that differs, or the number of elements.
size_t nextDifference(const std::string &a, const std::string &b, DType type, bool nanIsNan,
                      size_t from) {
  const size_t width = byteWidth(type), count = a.size() / width;
  if (!nanIsNan) {
    auto begin = static_cast<std::ptrdiff_t>(from * width);
    auto at = std::mismatch(a.begin() + begin, a.end(), b.begin() + begin).first;
    return at == a.end() ? count : static_cast<size_t>(at - a.begin()) / width;
  }
  int64_t at = recipe::firstDifference(bytesOf(a, from * width), bytesOf(b, from * width), type,
                                       static_cast<int64_t>(count - from));
  return at < 0 ? count : from + static_cast<size_t>(at);
}

uint64_t bitsAt(const std::string &bytes, size_t offset, size_t width) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes.data() + offset, width);
  return bits;
}

double numberOf(uint64_t bits, DType type) {
  uint64_t wide =
      type == DType::F64 ? bits : recipe::castBits(bits, type, DType::F64, recipe::Overflow::Ieee);
  return std::bit_cast<double>(wide);
}

/// Position among the values of a float dtype in their order; both zeros are one.
int64_t orderOf(uint64_t bits, DType type) {
  const uint64_t sign = uint64_t{1} << (bitWidth(type) - 1);
  const auto magnitude = static_cast<int64_t>(bits & (sign - 1));
  return bits & sign ? -magnitude : magnitude;
}

void widen(ValueDifference &out, uint64_t a, uint64_t b, DType type) {
  double x = numberOf(a, type), y = numberOf(b, type);
  if (std::isnan(x) || std::isnan(y))
    return;
  out.maxAbs = std::max(out.maxAbs.value_or(0), x == y ? 0 : std::abs(x - y));
  if (!info(type).isFloat)
    return;
  int64_t i = orderOf(a, type), k = orderOf(b, type);
  uint64_t steps = i > k ? static_cast<uint64_t>(i) - static_cast<uint64_t>(k)
                         : static_cast<uint64_t>(k) - static_cast<uint64_t>(i);
  out.maxUlps = std::max(out.maxUlps.value_or(0), steps);
}

/// Packed elements, low bits first, as one byte each.
std::string unpacked(const std::string &bytes, DType type) {
  const size_t width = bitWidth(type);
  std::string out(bytes.size() * 8 / width, '\0');
  for (size_t at = 0; at < out.size() * width; ++at) {
    unsigned bit = static_cast<unsigned char>(bytes[at / 8]) >> at % 8 & 1;
    out[at / width] = static_cast<char>(out[at / width] | static_cast<int>(bit << at % width));
  }
  return out;
}

std::optional<ValueDifference> compareElements(const std::string &left, const std::string &right,
                                               DType type, bool nanIsNan, bool isNumber) {
  const size_t width = byteWidth(type), count = left.size() / width;
  size_t at = nextDifference(left, right, type, nanIsNan, 0);
  if (at == count)
    return std::nullopt;
  ValueDifference out;
  out.first = static_cast<int64_t>(at);
  out.left = hexOf(left, at * width, width);
  out.right = hexOf(right, at * width, width);
  for (; at < count; at = nextDifference(left, right, type, nanIsNan, at + 1)) {
    ++out.count;
    if (isNumber)
      widen(out, bitsAt(left, at * width, width), bitsAt(right, at * width, width), type);
  }
  return out;
}

} // namespace

std::optional<ValueDifference> compareValues(const std::string &left, const std::string &right,
                                             DType type, bool nanIsNan) {
  if (isPacked(type)) // No kernel knows their numbers.
    return compareElements(unpacked(left, type), unpacked(right, type), DType::U8, false, false);
  return compareElements(left, right, type, nanIsNan,
                         type == DType::F64 || recipe::castSupported(type, DType::F64));
}

std::string ValueDifference::str(uint64_t elements) const {
  std::string out = fmt::format("element {} is {} and {}; {} of {} elements differ", first, left,
                                right, count, elements);
  if (maxAbs)
    out += fmt::format(", by at most {}", *maxAbs);
  if (maxUlps)
    out += fmt::format(" ({} ulp{})", *maxUlps, *maxUlps == 1 ? "" : "s");
  return out;
}

} // namespace recast::tools
