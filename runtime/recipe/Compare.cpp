#include "runtime/recipe/Compare.h"

#include <algorithm>
#include <cstring>

namespace recast::recipe {
namespace {

/// NaNs of a format are the magnitudes from `first` to `last`.
struct NanRange {
  uint64_t magnitude = ~uint64_t{0};
  uint64_t first = 1, last = 0;
  bool contains(uint64_t bits) const {
    bits &= magnitude;
    return bits >= first && bits <= last;
  }
};

/// The one compared part of an element: a complex number has two.
DType partType(DType type) {
  switch (type) {
  case DType::C32:
    return DType::F16;
  case DType::C64:
    return DType::F32;
  case DType::C128:
    return DType::F64;
  default:
    return type;
  }
}

NanRange nanRange(DType type) {
  switch (type) {
  case DType::F64:
    return {0x7fffffffffffffff, 0x7ff0000000000001, 0x7fffffffffffffff};
  case DType::F32:
    return {0x7fffffff, 0x7f800001, 0x7fffffff};
  case DType::BF16:
    return {0x7fff, 0x7f81, 0x7fff};
  case DType::F16:
    return {0x7fff, 0x7c01, 0x7fff};
  case DType::F8E5M2:
    return {0x7f, 0x7d, 0x7f};
  case DType::F8E4M3FN:
    return {0x7f, 0x7f, 0x7f};
  default:
    // Integers have none; f8e8m0 and the fnuz types have a single pattern, equal to itself.
    return {};
  }
}

template <typename Bits>
int64_t firstUnequal(const std::byte *a, const std::byte *b, int64_t count, const NanRange &nan) {
  for (int64_t i = 0; i < count; ++i) {
    Bits left, right;
    std::memcpy(&left, a + i * sizeof(Bits), sizeof(Bits));
    std::memcpy(&right, b + i * sizeof(Bits), sizeof(Bits));
    if (left != right && !(nan.contains(left) && nan.contains(right)))
      return i;
  }
  return -1;
}

int64_t firstUnequalPart(const std::byte *a, const std::byte *b, DType type, int64_t count) {
  NanRange nan = nanRange(type);
  switch (byteWidth(type)) {
  case 1:
    return firstUnequal<uint8_t>(a, b, count, nan);
  case 2:
    return firstUnequal<uint16_t>(a, b, count, nan);
  case 4:
    return firstUnequal<uint32_t>(a, b, count, nan);
  default:
    return firstUnequal<uint64_t>(a, b, count, nan);
  }
}
} // namespace

int64_t firstDifference(const std::byte *a, const std::byte *b, DType type, int64_t count) {
  constexpr int64_t kBlockBytes = 4096;
  DType part = partType(type);
  const int64_t width = byteWidth(part), parts = byteWidth(type) / width;
  const int64_t blockParts = kBlockBytes / width, total = count * parts;
  for (int64_t begin = 0; begin < total; begin += blockParts) {
    int64_t size = std::min(blockParts, total - begin), offset = begin * width;
    if (std::memcmp(a + offset, b + offset, static_cast<size_t>(size * width)) == 0)
      continue;
    // Differing bits: only now does it matter whether they are NaNs.
    if (int64_t at = firstUnequalPart(a + offset, b + offset, part, size); at >= 0)
      return (begin + at) / parts;
  }
  return -1;
}

} // namespace recast::recipe
