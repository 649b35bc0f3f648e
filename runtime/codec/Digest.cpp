#include "runtime/codec/Digest.h"

#include "runtime/codec/WordSums.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fmt/format.h>

namespace recast::codec {
namespace {

constexpr size_t kBlockBytes = 4 * kBlockWords;

/// Odd, so that multiplying by it loses nothing.
uint64_t blockKey(uint64_t block, size_t lane) {
  return splitMix64((uint64_t{1} << 32) + 2 * block + lane) | 1;
}

} // namespace

void Digest::add(uint64_t offset, const void *data, size_t size) {
  const auto *bytes = static_cast<const std::byte *>(data);
  while (size > 0) {
    const uint64_t block = offset / kBlockBytes;
    const size_t within = offset % kBlockBytes;
    size_t taken;
    WordSums sums;
    if (within % 8 == 0 && size >= 8) {
      taken = std::min(size, kBlockBytes - within) / 8 * 8;
      sums = sumPairs(bytes, within / 8, taken / 8);
    } else { // A word or a part of one, whose other bytes somebody else adds: zero here.
      const size_t shift = within % 4;
      taken = std::min(size, 4 - shift);
      uint32_t word = 0;
      std::memcpy(reinterpret_cast<std::byte *>(&word) + shift, bytes, taken);
      for (size_t lane = 0; lane < 2; ++lane)
        sums[lane] = uint64_t{wordKey(within / 4, lane)} * word;
    }
    for (size_t lane = 0; lane < 2; ++lane)
      lanes[lane] += blockKey(block, lane) * sums[lane];
    offset += taken;
    bytes += taken;
    size -= taken;
  }
}

std::string Digest::str() const { return fmt::format("{:016x}{:016x}", lanes[0], lanes[1]); }

std::optional<Digest> Digest::parse(std::string_view text) {
  if (text.size() != 32)
    return std::nullopt;
  Digest digest;
  for (size_t lane = 0; lane < 2; ++lane) {
    const char *begin = text.data() + 16 * lane;
    auto parsed = std::from_chars(begin, begin + 16, digest.lanes[lane], 16);
    if (parsed.ec != std::errc() || parsed.ptr != begin + 16)
      return std::nullopt;
  }
  return digest;
}

} // namespace recast::codec
