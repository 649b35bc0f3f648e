// Casts and boxes as one would write them by hand, for bench_kernels to compare with. Each is
// compiled where it is included, with that file's optimisation.
#pragma once

#include <algorithm>
#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace recast::bench {

#if defined(__x86_64__)
#define RECAST_HAND(level) __attribute__((target("arch=" level), noinline)) inline
#else
#define RECAST_HAND(level) __attribute__((noinline)) inline
#endif

// What one would write for the same bits: the compiler vectorises the loops.
#define RECAST_HAND_WRITTEN(suffix, level)                                                         \
  RECAST_HAND(level)                                                                               \
  void f32ToBf16##suffix(const uint32_t *__restrict in, uint16_t *__restrict out, int64_t count) { \
    for (int64_t i = 0; i < count; ++i) {                                                          \
      uint32_t x = in[i];                                                                          \
      uint32_t rounded = (x + 0x7fff + ((x >> 16) & 1)) >> 16;                                     \
      out[i] = (x & 0x7fffffff) > 0x7f800000 ? (x >> 16) | 0x40 : rounded;                         \
    }                                                                                              \
  }                                                                                                \
  RECAST_HAND(level)                                                                               \
  void bf16ToF32##suffix(const uint16_t *__restrict in, uint32_t *__restrict out, int64_t count) { \
    for (int64_t i = 0; i < count; ++i) {                                                          \
      uint32_t x = static_cast<uint32_t>(in[i]) << 16;                                             \
      out[i] = (x & 0x7fffffff) > 0x7f800000 ? x | 0x400000 : x;                                   \
    }                                                                                              \
  }

RECAST_HAND_WRITTEN(V2, "x86-64-v2")
RECAST_HAND_WRITTEN(V3, "x86-64-v3")
RECAST_HAND_WRITTEN(V4, "x86-64-v4")

#if defined(__x86_64__)
// The processor's own instructions: what there is to win by not staying in integers.
RECAST_HAND("x86-64-v3")
void f32ToF16V3(const uint32_t *in, uint16_t *out, int64_t count) {
  for (int64_t i = 0; i + 8 <= count; i += 8) {
    __m256 x = _mm256_loadu_ps(reinterpret_cast<const float *>(in + i));
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + i),
                     _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
}
RECAST_HAND("x86-64-v3")
void f16ToF32V3(const uint16_t *in, uint32_t *out, int64_t count) {
  for (int64_t i = 0; i + 8 <= count; i += 8) {
    __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i *>(in + i));
    _mm256_storeu_ps(reinterpret_cast<float *>(out + i), _mm256_cvtph_ps(x));
  }
}
RECAST_HAND("x86-64-v4")
void f32ToF16V4(const uint32_t *in, uint16_t *out, int64_t count) {
  for (int64_t i = 0; i + 16 <= count; i += 16)
    _mm256_storeu_si256(
        reinterpret_cast<__m256i *>(out + i),
        _mm512_cvtps_ph(_mm512_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
RECAST_HAND("x86-64-v4")
void f16ToF32V4(const uint16_t *in, uint32_t *out, int64_t count) {
  for (int64_t i = 0; i + 16 <= count; i += 16)
    _mm512_storeu_ps(
        out + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(in + i))));
}
#endif

// Boxes: columns of a wider matrix row by row, and a transpose in blocks that stay in the cache.
#define RECAST_HAND_BOX(suffix, level)                                                             \
  RECAST_HAND(level)                                                                               \
  void columnsToBf16##suffix(const uint32_t *__restrict in, uint16_t *__restrict out,              \
                             int64_t rows, int64_t columns, int64_t stride) {                      \
    for (int64_t r = 0; r < rows; ++r)                                                             \
      for (int64_t c = 0; c < columns; ++c) {                                                      \
        uint32_t x = in[r * stride + c];                                                           \
        uint32_t rounded = (x + 0x7fff + ((x >> 16) & 1)) >> 16;                                   \
        out[r * columns + c] = (x & 0x7fffffff) > 0x7f800000 ? (x >> 16) | 0x40 : rounded;         \
      }                                                                                            \
  }                                                                                                \
  RECAST_HAND(level)                                                                               \
  void transposeToBf16##suffix(const uint32_t *__restrict in, uint16_t *__restrict out,            \
                               int64_t rows, int64_t columns, int64_t stride) {                    \
    for (int64_t r0 = 0; r0 < rows; r0 += 16)                                                      \
      for (int64_t c0 = 0; c0 < columns; c0 += 16)                                                 \
        for (int64_t r = r0; r < std::min(r0 + 16, rows); ++r)                                     \
          for (int64_t c = c0; c < std::min(c0 + 16, columns); ++c) {                              \
            uint32_t x = in[c * stride + r];                                                       \
            uint32_t rounded = (x + 0x7fff + ((x >> 16) & 1)) >> 16;                               \
            out[r * columns + c] = (x & 0x7fffffff) > 0x7f800000 ? (x >> 16) | 0x40 : rounded;     \
          }                                                                                        \
  }                                                                                                \
  RECAST_HAND(level)                                                                               \
  void transpose##suffix(const uint32_t *__restrict in, uint32_t *__restrict out, int64_t rows,    \
                         int64_t columns, int64_t stride) {                                        \
    for (int64_t r0 = 0; r0 < rows; r0 += 16)                                                      \
      for (int64_t c0 = 0; c0 < columns; c0 += 16)                                                 \
        for (int64_t r = r0; r < std::min(r0 + 16, rows); ++r)                                     \
          for (int64_t c = c0; c < std::min(c0 + 16, columns); ++c)                                \
            out[r * columns + c] = in[c * stride + r];                                             \
  }

#if defined(__x86_64__)
RECAST_HAND_BOX(V3, "x86-64-v3")
RECAST_HAND_BOX(V4, "x86-64-v4")
#endif

#undef RECAST_HAND_BOX
#undef RECAST_HAND_WRITTEN
#undef RECAST_HAND

} // namespace recast::bench
