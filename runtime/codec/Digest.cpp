#include "runtime/codec/Digest.h"

#include "runtime/base/Clones.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fmt/format.h>

namespace recast::codec {
namespace {

constexpr size_t kBlockWords = 1024; ///< Words that share a block key.
constexpr size_t kBlockBytes = 4 * kBlockWords;

/// The step and output function of SplitMix64 (Steele, Lea, Flood 2014): number `x` of its
/// sequence.
constexpr uint64_t mix(uint64_t x) {
  x = (x + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

struct WordKeys {
  std::array<std::array<uint32_t, kBlockWords>, 2> lanes;
};
constexpr WordKeys makeWordKeys() {
  WordKeys keys{};
  for (size_t lane = 0; lane < 2; ++lane)
    for (size_t i = 0; i < kBlockWords; ++i)
      keys.lanes[lane][i] = static_cast<uint32_t>(mix(2 * i + lane) >> 32);
  return keys;
}
constexpr WordKeys kWordKeys = makeWordKeys();

/// Distinct keys that are not zero: two words of a block that change places, or one that changes,
/// never go unseen.
constexpr bool keysAreGood() {
  for (auto keys : kWordKeys.lanes) {
    std::sort(keys.begin(), keys.end());
    if (keys.front() == 0 || std::adjacent_find(keys.begin(), keys.end()) != keys.end())
      return false;
  }
  return true;
}
static_assert(keysAreGood());

/// Odd, so that multiplying by it loses nothing.
uint64_t blockKey(uint64_t block, size_t lane) {
  return mix((uint64_t{1} << 32) + 2 * block + lane) | 1;
}

/// Sums of key times word over `count` words of one block from word `first` on.
RECAST_CLONES void sumWords(const std::byte *data, size_t first, size_t count, uint64_t *sums) {
  const uint32_t *keys0 = kWordKeys.lanes[0].data() + first;
  const uint32_t *keys1 = kWordKeys.lanes[1].data() + first;
  // Two words at a time, low and high halves of what is loaded at once: vectors multiply 32 by 32
  // bits where they stand, and nothing has to be widened.
  constexpr uint64_t kLow = 0xffffffff;
  uint64_t low0 = 0, low1 = 0, high0 = 0, high1 = 0;
  for (size_t i = 0; i < count / 2; ++i) {
    uint64_t words, pair0, pair1;
    std::memcpy(&words, data + 8 * i, sizeof words);
    std::memcpy(&pair0, keys0 + 2 * i, sizeof pair0);
    std::memcpy(&pair1, keys1 + 2 * i, sizeof pair1);
    low0 += (pair0 & kLow) * (words & kLow);
    low1 += (pair1 & kLow) * (words & kLow);
    high0 += (pair0 >> 32) * (words >> 32);
    high1 += (pair1 >> 32) * (words >> 32);
  }
  if (count % 2) {
    uint32_t word;
    std::memcpy(&word, data + 4 * (count - 1), sizeof word);
    low0 += uint64_t{keys0[count - 1]} * word;
    low1 += uint64_t{keys1[count - 1]} * word;
  }
  sums[0] = low0 + high0;
  sums[1] = low1 + high1;
}

} // namespace

void Digest::add(uint64_t offset, const void *data, size_t size) {
  const auto *bytes = static_cast<const std::byte *>(data);
  while (size > 0) {
    const uint64_t block = offset / kBlockBytes;
    const size_t within = offset % kBlockBytes, first = within / 4, shift = within % 4;
    size_t taken;
    uint64_t sums[2];
    if (shift == 0 && size >= 4) {
      const size_t words = std::min(size / 4, kBlockWords - first);
      sumWords(bytes, first, words, sums);
      taken = 4 * words;
    } else { // Part of a word: its other bytes, which somebody else adds, count as zero here.
      taken = std::min(size, 4 - shift);
      uint32_t word = 0;
      std::memcpy(reinterpret_cast<std::byte *>(&word) + shift, bytes, taken);
      for (size_t lane = 0; lane < 2; ++lane)
        sums[lane] = uint64_t{kWordKeys.lanes[lane][first]} * word;
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
