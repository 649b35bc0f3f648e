#include "runtime/codec/WordSums.h"

#include "runtime/base/Clones.h"

#include <algorithm>
#include <cstring>
#if RECAST_HAS_LEVELS
#include <immintrin.h>
#endif

namespace recast::codec {
namespace {

constexpr size_t kBlockPairs = kBlockWords / 2;
constexpr size_t kVectorPairs = 8; ///< In the widest vector.
constexpr uint64_t kLow = 0xffffffff;

/// Keys of the even and of the odd words of a block, each in the low half of 64 bits: vectors
/// multiply 32 by 32 bits where they stand. Zeros behind them, which whole vectors may take as keys
/// of words that are not there.
struct PairKeys {
  using Lane = std::array<uint64_t, kBlockPairs + kVectorPairs>;
  alignas(64) std::array<Lane, 2> even, odd;
};
constexpr PairKeys makePairKeys() {
  PairKeys keys{};
  for (size_t lane = 0; lane < 2; ++lane)
    for (size_t i = 0; i < kBlockPairs; ++i) {
      keys.even[lane][i] = wordKey(2 * i, lane);
      keys.odd[lane][i] = wordKey(2 * i + 1, lane);
    }
  return keys;
}
constexpr PairKeys kKeys = makePairKeys();

/// Distinct keys that are not zero: two words of a block that change places, or one that changes,
/// never go unseen.
constexpr bool keysAreGood() {
  for (size_t lane = 0; lane < 2; ++lane) {
    std::array<uint32_t, kBlockWords> keys{};
    for (size_t i = 0; i < kBlockWords; ++i)
      keys[i] = wordKey(i, lane);
    std::sort(keys.begin(), keys.end());
    if (keys.front() == 0 || std::adjacent_find(keys.begin(), keys.end()) != keys.end())
      return false;
  }
  return true;
}
static_assert(keysAreGood());

[[gnu::always_inline]] inline WordSums plainSums(const std::byte *data, size_t first,
                                                 size_t count) {
  // Masked, though keys have 32 bits: so the compiler sees that it may multiply 32 by 32.
  uint64_t even0 = 0, even1 = 0, odd0 = 0, odd1 = 0;
  for (size_t i = 0; i < count; ++i) {
    uint64_t pair;
    std::memcpy(&pair, data + sizeof pair * i, sizeof pair);
    even0 += (kKeys.even[0][first + i] & kLow) * (pair & kLow);
    even1 += (kKeys.even[1][first + i] & kLow) * (pair & kLow);
    odd0 += (kKeys.odd[0][first + i] & kLow) * (pair >> 32);
    odd1 += (kKeys.odd[1][first + i] & kLow) * (pair >> 32);
  }
  return {even0 + odd0, even1 + odd1};
}

RECAST_FOR("default") WordSums sums(const std::byte *data, size_t first, size_t count) {
  return plainSums(data, first, count);
}

#if RECAST_HAS_LEVELS
RECAST_FOR("avx2") WordSums sums(const std::byte *data, size_t first, size_t count) {
  return plainSums(data, first, count);
}

RECAST_FOR("avx512f") WordSums sums(const std::byte *data, size_t first, size_t count) {
  __m512i even[2] = {}, odd[2] = {};
  auto add = [&](size_t i, __m512i pairs) __attribute__((target("avx512f"))) {
    // On Intel's processors a shift waits for the unit that multiplies, a shuffle does not. Without
    // the barrier the compiler makes a shift of it.
    __m512i high = _mm512_shuffle_epi32(pairs, _MM_PERM_DDBB);
    asm("" : "+v"(high));
    for (size_t lane = 0; lane < 2; ++lane) {
      even[lane] += _mm512_mul_epu32(_mm512_loadu_si512(&kKeys.even[lane][i]), pairs);
      odd[lane] += _mm512_mul_epu32(_mm512_loadu_si512(&kKeys.odd[lane][i]), high);
    }
  };
  const size_t end = first + count;
  for (; first + kVectorPairs <= end; first += kVectorPairs, data += sizeof(__m512i))
    add(first, _mm512_loadu_si512(data));
  if (first < end)
    add(first, _mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << (end - first)) - 1), data));
  return {static_cast<uint64_t>(_mm512_reduce_add_epi64(even[0] + odd[0])),
          static_cast<uint64_t>(_mm512_reduce_add_epi64(even[1] + odd[1]))};
}
#endif

} // namespace

WordSums sumPairs(const std::byte *data, size_t first, size_t count) {
  return sums(data, first, count);
}

} // namespace recast::codec
