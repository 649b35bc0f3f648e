// Sums of key times word, of which digests are made: a block of 4 KiB at a time, at the speed of
// the processor's vectors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace recast::codec {

/// Words of 32 bits in a block. Each has a key of its own, the same in every block.
constexpr size_t kBlockWords = 1024;

using WordSums = std::array<uint64_t, 2>; ///< A lane each, modulo 2^64.

/// Number `x` of the sequence of SplitMix64 (Steele, Lea, Flood 2014): its step and output
/// functions.
constexpr uint64_t splitMix64(uint64_t x) {
  x = (x + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// The key of one word of a block.
constexpr uint32_t wordKey(size_t word, size_t lane) {
  return static_cast<uint32_t>(splitMix64(2 * word + lane) >> 32);
}

/// Over `count` pairs of little-endian words at `data`, the first being pair `first` of a block,
/// which they may not leave.
WordSums sumPairs(const std::byte *data, size_t first, size_t count);

} // namespace recast::codec
