// A predicted weight: the generated kernel beside hand-written intrinsics; see kHelp.
#include "compiler/Codegen/MakePack.h"
#include "runtime/device/cpu/KernelPack.h"
#include "runtime/device/cpu/Kernels.h"
#include "runtime/exec/Slices.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace recast;

namespace {

constexpr char kHelp[] =
    R"(bench_predict [ELEMENTS]

A predicted weight (Adam, some updates ahead; f64 inside, three f32 streams in, one out): the generated kernel
beside hand-written intrinsics over the same four streams, the interpreter, and the kernel as runs use it, which
look whether results are finite; one thread, rounds interleaved, the best of each; GB/s read and written. Kernel
and intrinsics must compute the same bits. 16 Mi elements (DRAM), then 8 Ki (cache).
)";

constexpr double kScalars[] = {0.006, 0.271, 0.142625, 1e-8};

struct Streams {
  std::vector<float> w, m, v, out;
};

#if defined(__x86_64__)
#pragma clang fp contract(off)
__attribute__((target("arch=x86-64-v3"), noinline)) void byHandV3(Streams &s) {
  const __m256d k = _mm256_set1_pd(kScalars[0]), c1 = _mm256_set1_pd(kScalars[1]),
                c2 = _mm256_set1_pd(kScalars[2]), e = _mm256_set1_pd(kScalars[3]);
  for (size_t i = 0; i + 4 <= s.w.size(); i += 4) {
    __m256d w = _mm256_cvtps_pd(_mm_loadu_ps(&s.w[i])), m = _mm256_cvtps_pd(_mm_loadu_ps(&s.m[i])),
            v = _mm256_cvtps_pd(_mm_loadu_ps(&s.v[i]));
    __m256d root = _mm256_add_pd(_mm256_sqrt_pd(_mm256_div_pd(v, c2)), e);
    __m256d x = _mm256_div_pd(_mm256_div_pd(m, c1), root);
    _mm_storeu_ps(&s.out[i], _mm256_cvtpd_ps(_mm256_sub_pd(w, _mm256_mul_pd(k, x))));
  }
}
__attribute__((target("arch=x86-64-v4"), noinline)) void byHandV4(Streams &s) {
  const __m512d k = _mm512_set1_pd(kScalars[0]), c1 = _mm512_set1_pd(kScalars[1]),
                c2 = _mm512_set1_pd(kScalars[2]), e = _mm512_set1_pd(kScalars[3]);
  for (size_t i = 0; i + 8 <= s.w.size(); i += 8) {
    __m512d w = _mm512_cvtps_pd(_mm256_loadu_ps(&s.w[i])),
            m = _mm512_cvtps_pd(_mm256_loadu_ps(&s.m[i])),
            v = _mm512_cvtps_pd(_mm256_loadu_ps(&s.v[i]));
    __m512d root = _mm512_add_pd(_mm512_sqrt_pd(_mm512_div_pd(v, c2)), e);
    __m512d x = _mm512_div_pd(_mm512_div_pd(m, c1), root);
    _mm256_storeu_ps(&s.out[i], _mm512_cvtpd_ps(_mm512_sub_pd(w, _mm512_mul_pd(k, x))));
  }
}
#endif

using Run = std::function<void(Streams &)>;

/// Best seconds of every candidate.
std::vector<double> best(const std::vector<Run> &runs, Streams &streams) {
  const size_t repeats = std::max<size_t>(1, (size_t{1} << 20) / streams.w.size());
  std::vector<double> seconds(runs.size(), 1e9);
  for (int round = 0; round < 9; ++round)
    for (size_t i = 0; i < runs.size(); ++i) {
      auto begin = std::chrono::steady_clock::now();
      for (size_t repeat = 0; repeat < repeats; ++repeat)
        runs[i](streams);
      std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
      seconds[i] = std::min(seconds[i], time.count() / static_cast<double>(repeats));
    }
  return seconds;
}

Streams make(size_t count) {
  Streams out;
  for (size_t i = 0; i < count; ++i) {
    out.w.push_back(static_cast<float>(i % 97) - 48);
    out.m.push_back(static_cast<float>(i % 31) * 1e-3f - 0.015f);
    out.v.push_back(static_cast<float>(i % 53 + 1) * 1e-7f);
  }
  out.out.resize(count);
  return out;
}

int measure(size_t count) {
  auto recipe = recipe::Recipe::parse(
      "load 0 f32; cast %0 f64; scalar 1 f64; load 2 f32; cast %3 f64; scalar 3 f64; "
      "quotient %4 %5; load 4 f32; cast %7 f64; scalar 5 f64; quotient %8 %9; root %10; "
      "scalar 6 f64; add %11 %12; quotient %6 %13; multiply %2 %14; subtract %1 %15; "
      "cast %16 f32; store %17 0");
  if (!recipe) {
    std::fprintf(stderr, "%s\n", recipe.error().str().c_str());
    return 1;
  }
  Streams streams = make(count);
  std::printf("%zu elements; GB/s read and written\n", count);
  std::printf("%-12s %9s %9s %9s %9s   %s   %s\n", "level", "generated", "checked", "hand",
              "interpret", "generated / hand", "checked / generated");
  auto inputsOf = [](const Streams &s) {
    return std::array{reinterpret_cast<const std::byte *>(s.w.data()),
                      reinterpret_cast<const std::byte *>(&kScalars[0]),
                      reinterpret_cast<const std::byte *>(s.m.data()),
                      reinterpret_cast<const std::byte *>(&kScalars[1]),
                      reinterpret_cast<const std::byte *>(s.v.data()),
                      reinterpret_cast<const std::byte *>(&kScalars[2]),
                      reinterpret_cast<const std::byte *>(&kScalars[3])};
  };
  Run interpreted = [&](Streams &s) {
    std::byte *outputs[] = {reinterpret_cast<std::byte *>(s.out.data())};
    recipe::interpret(*recipe, inputsOf(s), outputs, static_cast<int64_t>(s.w.size()));
  };
  struct Level {
    const char *name;
    Run byHand;
  };
  std::vector<Level> levels;
#if defined(__x86_64__)
  levels = {{"x86-64-v3", byHandV3}, {"x86-64-v4", byHandV4}};
#endif
  for (const Level &level : levels) {
    if (!device::cpu::cpuSupports(level.name))
      continue;
    auto pack = codegen::makePack({&*recipe, 1}, level.name).and_then([](const std::string &bytes) {
      return device::cpu::KernelPack::load(bytes, "bench.rpack");
    });
    if (!pack) {
      std::fprintf(stderr, "%s\n", pack.error().str().c_str());
      return 1;
    }
    const device::cpu::Kernel kernel = (*pack)->find(recipe->hash(), recipe->str());
    Run generated = [&](Streams &s) {
      const void *inputs[] = {s.w.data(), &kScalars[0], s.m.data(),  &kScalars[1],
                              s.v.data(), &kScalars[2], &kScalars[3]};
      void *outputs[] = {s.out.data()};
      kernel.run(inputs, outputs, static_cast<int64_t>(s.w.size()));
    };
    device::cpu::KernelFinder finder(device::cpu::KernelFinder::Cache::Ignore, *pack);
    exec::OutputSlice slice(*recipe, &finder);
    Run checked = [&](Streams &s) {
      if (slice.run(inputsOf(s), reinterpret_cast<std::byte *>(s.out.data()),
                    static_cast<int64_t>(s.w.size())))
        std::abort(); // They are finite.
    };
    generated(streams);
    const std::vector<float> expected = streams.out;
    level.byHand(streams);
    if (std::memcmp(expected.data(), streams.out.data(), expected.size() * 4) != 0) {
      std::fprintf(stderr, "%s: both do not compute the same\n", level.name);
      return 1;
    }
    auto seconds = best({generated, checked, level.byHand, interpreted}, streams);
    auto rate = [&](size_t i) { return static_cast<double>(count) * 16 / seconds[i] * 1e-9; };
    std::printf("%-12s %9.2f %9.2f %9.2f %9.2f   %-16.2f   %.3f\n", level.name, rate(0), rate(1),
                rate(2), rate(3), rate(0) / rate(2), rate(1) / rate(0));
  }
  return 0;
}
} // namespace

int main(int argc, char **argv) {
  const long long count = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 16LL << 20;
  if (count < 8) {
    const bool asked = std::strcmp(argv[1], "--help") == 0;
    std::fputs(kHelp, asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  int code = measure(static_cast<size_t>(count) & ~size_t{7});
  return code || argc > 1 ? code : measure(8 << 10);
}
