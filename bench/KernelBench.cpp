// The generated kernels beside hand-written C++ for the same casts and boxes; see kHelp.
#include "bench/HandKernels.h"
#include "runtime/device/cpu/Kernels.h"
#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

using namespace recast;
using namespace recast::bench;

namespace {

constexpr char kHelp[] =
    R"(bench_kernels [ELEMENTS]

Generated kernels beside hand-written C++ for the same casts, in one process, rounds interleaved, the best
of each; GB/s read and written. Compare the columns of a line; absolute figures belong to the machine.

  generated    what the executor runs
  hand         C++ with the same read and write streams, -O3, the same instruction set
  memcpy       of as many bytes
  unfused      two kernels instead of one: a copy into memory, then the cast; GB/s of the bytes that
               the fused one moves, so the ratio is what fusing wins
  interpret    the recipe interpreter, which needs no kernel

64 Mi elements (DRAM) with one thread and with two (halves of the arrays), then 32 Ki elements (cache), then
boxes: columns of a wider matrix and transposes. With ELEMENTS: casts of so many, one thread and two.
)";

using Run = std::function<void(const void *in, void *out, int64_t count)>;
template <typename In, typename Out> Run hand(void (*function)(const In *, Out *, int64_t)) {
  return [=](const void *in, void *out, int64_t count) {
    function(static_cast<const In *>(in), static_cast<Out *>(out), count);
  };
}

struct Line {
  DType from, to;
  const char *level;
  Run handWritten; ///< Empty: there is none to compare with.
};

std::vector<Line> lines() {
  std::vector<Line> lines;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v2")) {
    lines.push_back({DType::F32, DType::BF16, "x86-64-v2", hand(f32ToBf16V2)});
    lines.push_back({DType::BF16, DType::F32, "x86-64-v2", hand(bf16ToF32V2)});
    lines.push_back({DType::F32, DType::F16, "x86-64-v2", {}});
    lines.push_back({DType::F16, DType::F32, "x86-64-v2", {}});
  }
  if (__builtin_cpu_supports("x86-64-v3")) {
    lines.push_back({DType::F32, DType::BF16, "x86-64-v3", hand(f32ToBf16V3)});
    lines.push_back({DType::BF16, DType::F32, "x86-64-v3", hand(bf16ToF32V3)});
    lines.push_back({DType::F32, DType::F16, "x86-64-v3", hand(f32ToF16V3)});
    lines.push_back({DType::F16, DType::F32, "x86-64-v3", hand(f16ToF32V3)});
  }
  if (__builtin_cpu_supports("x86-64-v4")) {
    lines.push_back({DType::F32, DType::BF16, "x86-64-v4", hand(f32ToBf16V4)});
    lines.push_back({DType::BF16, DType::F32, "x86-64-v4", hand(bf16ToF32V4)});
    lines.push_back({DType::F32, DType::F16, "x86-64-v4", hand(f32ToF16V4)});
    lines.push_back({DType::F16, DType::F32, "x86-64-v4", hand(f16ToF32V4)});
    lines.push_back({DType::F32, DType::F8E4M3FN, "x86-64-v4", {}});
    lines.push_back({DType::F8E4M3FN, DType::BF16, "x86-64-v4", {}});
    lines.push_back({DType::F64, DType::F32, "x86-64-v4", {}});
  }
#else
  lines.push_back({DType::F32, DType::BF16, "aarch64", hand(f32ToBf16V2)});
  lines.push_back({DType::BF16, DType::F32, "aarch64", hand(bf16ToF32V2)});
#endif
  return lines;
}

/// Best seconds of every candidate, the rounds interleaved so that a noisy moment hits all.
std::vector<double> best(const std::vector<Run> &runs, const void *in, void *out, int64_t count) {
  const int64_t repeats = std::max<int64_t>(1, (8 << 20) / count);
  std::vector<double> seconds(runs.size(), 1e9);
  for (int round = 0; round < 9; ++round)
    for (size_t i = 0; i < runs.size(); ++i) {
      // What is ten times slower needs no more rounds.
      if (!runs[i] || (round >= 2 && seconds[i] > 10 * seconds[0]))
        continue;
      auto begin = std::chrono::steady_clock::now();
      for (int64_t repeat = 0; repeat < repeats; ++repeat)
        runs[i](in, out, count);
      std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
      seconds[i] = std::min(seconds[i], time.count() / static_cast<double>(repeats));
    }
  return seconds;
}

std::string text(double value, int digits) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

/// The same work by several threads, each on its part of the elements, of `from` and `to` bytes.
Run parallel(Run run, int64_t from, int64_t to, int threads) {
  if (!run || threads == 1)
    return run;
  return [=](const void *in, void *out, int64_t count) {
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
      // Parts begin at whole cache lines.
      const int64_t first = count * t / threads & ~int64_t{63};
      const int64_t end = t + 1 == threads ? count : count * (t + 1) / threads & ~int64_t{63};
      workers.emplace_back(run, static_cast<const std::byte *>(in) + first * from,
                           static_cast<std::byte *>(out) + first * to, end - first);
    }
    for (std::thread &worker : workers)
      worker.join();
  };
}

void measure(int64_t count, int threads) {
  const size_t bytes = static_cast<size_t>(count) * 8;
  std::unique_ptr<std::byte[]> in(new std::byte[bytes]), out(new std::byte[bytes]),
      between(new std::byte[bytes]);
  std::memset(between.get(), 1, bytes);
  // Values about 1 with a denormal of the small types now and then.
  for (int64_t i = 0; i < count * 2; ++i) {
    uint32_t x = 0x3f800000u + static_cast<uint32_t>(i) * 2654435761u % 0x00800000u;
    if (i % 64 == 0)
      x = 0x33800000u + static_cast<uint32_t>(i) % 0x1000000u;
    std::memcpy(in.get() + i * 4, &x, 4);
  }
  std::memset(out.get(), 1, bytes);

  std::printf("%lld elements, %d thread%s; GB/s read and written\n", static_cast<long long>(count),
              threads, threads == 1 ? "" : "s");
  std::printf("%-30s %9s %9s %9s %9s %9s   %s\n", "kernel", "generated", "hand", "memcpy",
              "unfused", "interpret", "generated / hand, unfused");
  for (const Line &line : lines()) {
    setenv("RECAST_CPU", line.level, 1);
    auto rule = recipe::overflowAllowed(line.to, recipe::Overflow::Ieee)
                    ? recipe::Overflow::Ieee
                    : recipe::Overflow::Saturate;
    const recipe::Recipe recipe = recipe::castRecipe(line.from, line.to, rule);
    const device::cpu::Kernel kernel = device::cpu::builtinKernel(recipe.hash(), recipe.str());
    if (!kernel.run)
      continue;
    const int64_t from = byteWidth(line.from), to = byteWidth(line.to), moved = from + to;
    Run generated = [&](const void *source, void *target, int64_t n) {
      kernel.run(&source, &target, n);
    };
    Run copied = [&](const void *source, void *target, int64_t n) {
      std::memcpy(target, source, static_cast<size_t>(n * moved / 2));
    };
    // Every thread has its own part of the memory between, at the place of its source.
    Run unfused = [&](const void *source, void *target, int64_t n) {
      const void *copy = between.get() + (static_cast<const std::byte *>(source) - in.get());
      std::memcpy(const_cast<void *>(copy), source, static_cast<size_t>(n * from));
      kernel.run(&copy, &target, n);
    };
    Run interpreted = [&](const void *source, void *target, int64_t n) {
      const std::byte *inputs[] = {static_cast<const std::byte *>(source)};
      std::byte *outputs[] = {static_cast<std::byte *>(target)};
      recipe::interpret(recipe, inputs, outputs, n);
    };
    auto each = [&](const Run &run) { return parallel(run, from, to, threads); };
    auto seconds =
        best({each(generated), each(line.handWritten),
              parallel(copied, moved / 2, moved / 2, threads), each(unfused), each(interpreted)},
             in.get(), out.get(), count);
    auto rate = [&](size_t i) { return static_cast<double>(count * moved) / seconds[i] * 1e-9; };
    const bool byHand = static_cast<bool>(line.handWritten);
    std::printf("%-30s %9.1f %9s %9.1f %9.1f %9.1f   %4s %.2f\n", std::string(kernel.name).c_str(),
                rate(0), byHand ? text(rate(1), 1).c_str() : "-", rate(2), rate(3), rate(4),
                byHand ? text(rate(0) / rate(1), 2).c_str() : "-", rate(0) / rate(3));
  }
}
#if defined(__x86_64__)
/// Boxes of side x side elements, as the executor cuts them: generated, by hand, and memcpy of as
/// many bytes.
void measureBoxes(int64_t side) {
  struct Box {
    const char *what;
    recipe::Recipe recipe;
    bool transpose;
    Run v3, v4;
  };
  const int64_t stride = side + 16;
  auto toBf16 = [=](auto *function) -> Run {
    return [=](const void *in, void *out, int64_t) {
      function(static_cast<const uint32_t *>(in), static_cast<uint16_t *>(out), side, side, stride);
    };
  };
  auto plain = [=](auto *function) -> Run {
    return [=](const void *in, void *out, int64_t) {
      function(static_cast<const uint32_t *>(in), static_cast<uint32_t *>(out), side, side, stride);
    };
  };
  const recipe::Recipe cast = recipe::castRecipe(DType::F32, DType::BF16);
  const Box boxes[] = {
      {"columns f32_bf16", cast, false, toBf16(columnsToBf16V3), toBf16(columnsToBf16V4)},
      {"transpose f32_bf16", cast, true, toBf16(transposeToBf16V3), toBf16(transposeToBf16V4)},
      {"transpose 4 bytes", recipe::copyRecipe(DType::U32), true, plain(transposeV3),
       plain(transposeV4)},
  };
  const auto bytes = static_cast<size_t>(side * stride) * 4;
  std::unique_ptr<std::byte[]> in(new std::byte[bytes]), out(new std::byte[bytes]);
  std::memset(in.get(), 0x3c, bytes);
  std::memset(out.get(), 1, bytes);
  std::printf("%lld x %lld elements; GB/s read and written\n", static_cast<long long>(side),
              static_cast<long long>(side));
  for (const Box &line : boxes)
    for (const char *level : {"x86-64-v3", "x86-64-v4"}) {
      setenv("RECAST_CPU", level, 1);
      const auto kernel = device::cpu::builtinKernel(line.recipe.hash(), line.recipe.str());
      if (!kernel.runBox || !device::cpu::cpuSupports(level))
        continue;
      const int64_t to = byteWidth(line.recipe.outputType(0)), moved = side * side * (4 + to);
      const int64_t strides[] = {line.transpose ? 4 : stride * 4, line.transpose ? stride * 4 : 4,
                                 side * to, to};
      Run generated = [&](const void *source, void *target, int64_t) {
        kernel.runBox(&source, &target, side, side, strides);
      };
      Run copied = [&](const void *source, void *target, int64_t) {
        std::memcpy(target, source, static_cast<size_t>(moved / 2));
      };
      auto seconds =
          best({generated, std::string_view(level) == "x86-64-v3" ? line.v3 : line.v4, copied},
               in.get(), out.get(), side * side);
      auto rate = [&](size_t i) { return static_cast<double>(moved) / seconds[i] * 1e-9; };
      std::printf("%-20s %-10s %8.1f %8.1f %8.1f   %.2f\n", line.what, level, rate(0), rate(1),
                  rate(2), rate(0) / rate(1));
    }
}
#endif
} // namespace

int main(int argc, char **argv) {
  int64_t count = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : int64_t{64} << 20;
  if (count <= 0) {
    const bool asked = std::string_view(argv[1]) == "--help";
    std::fputs(kHelp, asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  for (int threads : {1, 2})
    measure(count, threads);
  if (argc <= 1) {
    measure(32 << 10, 1);
#if defined(__x86_64__)
    measureBoxes(512);
    measureBoxes(4096);
#endif
  }
  return 0;
}
