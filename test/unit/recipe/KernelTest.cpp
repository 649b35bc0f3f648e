// Built-in kernels against the interpreter, bit for bit.
#include "runtime/device/cpu/Kernels.h"
#include "test/unit/recipe/CastSamples.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <set>

namespace recast::recipe::test {
namespace {
using device::cpu::builtinKernel;
using device::cpu::Kernel;
using device::cpu::KernelFn;

Kernel kernelOf(const Recipe &recipe) { return builtinKernel(recipe.hash(), recipe.str()); }

/// Caps the CPU level while it lives.
class CpuLevel {
public:
  explicit CpuLevel(const char *level) { setenv("RECAST_CPU", level, 1); }
  ~CpuLevel() { unsetenv("RECAST_CPU"); }
  CpuLevel(const CpuLevel &) = delete;
};

struct Case {
  FloatFormat from, to;
  Recipe recipe;
};
std::vector<Case> allCasts() {
  std::vector<Case> cases;
  for (const FloatFormat &from : kFloatFormats)
    for (const FloatFormat &to : kFloatFormats)
      for (Overflow rule : overflowRules(to.type))
        if (from.type != to.type)
          cases.push_back({from, to, castRecipe(from.type, to.type, rule)});
  return cases;
}

/// Different kernels for a recipe that this CPU can run, worst first.
std::vector<Kernel> kernelsFor(const Recipe &recipe) {
  std::vector<Kernel> kernels;
  std::set<KernelFn> seen;
  for (const char *level : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"}) {
    CpuLevel cap(level);
    if (Kernel kernel = kernelOf(recipe); kernel.run && seen.insert(kernel.run).second)
      kernels.push_back(kernel);
  }
  return kernels;
}

/// The interpreter's answer.
std::vector<std::byte> reference(const Case &c, const std::vector<std::byte> &in, int64_t count) {
  std::vector<std::byte> out(count * byteWidth(c.to.type));
  const std::byte *inputs[] = {in.data()};
  std::byte *outputs[] = {out.data()};
  interpret(c.recipe, inputs, outputs, count);
  return out;
}

void run(const Kernel &kernel, const std::byte *in, std::byte *out, int64_t count) {
  const void *inputs[] = {in};
  void *outputs[] = {out};
  kernel.run(inputs, outputs, count);
}

void expectSame(const Case &c, const Kernel &kernel, const std::vector<uint64_t> &bits,
                const std::vector<std::byte> &got, const std::vector<std::byte> &expected) {
  if (got == expected)
    return;
  const unsigned width = byteWidth(c.to.type);
  for (size_t i = 0; i < bits.size(); ++i) {
    uint64_t a = 0, b = 0;
    std::memcpy(&a, got.data() + i * width, width);
    std::memcpy(&b, expected.data() + i * width, width);
    ASSERT_EQ(a, b) << kernel.name << " of 0x" << std::hex << bits[i];
  }
}

TEST(Kernels, ThereIsOneForEveryCastOnEveryLevel) {
  for (const Case &c : allCasts()) {
    auto kernels = kernelsFor(c.recipe);
#if defined(__x86_64__)
    ASSERT_EQ(kernels.size(), static_cast<size_t>(1 + !!__builtin_cpu_supports("x86-64-v3") +
                                                  !!__builtin_cpu_supports("x86-64-v4")))
        << c.recipe.str();
    EXPECT_TRUE(kernels[0].name.ends_with(".x86-64-v2"));
#endif
    if (!kernels.empty()) { // The best one is taken by default.
      EXPECT_EQ(kernelOf(c.recipe).run, kernels.back().run);
    }
  }
}

TEST(Kernels, OnlyForTheirRecipe) {
  Recipe cast = castRecipe(DType::F32, DType::BF16), other = castRecipe(DType::F32, DType::F16);
  EXPECT_FALSE(builtinKernel(cast.hash(), other.str()).run);
  EXPECT_FALSE(builtinKernel(cast.hash() + 1, cast.str()).run);
  EXPECT_FALSE(kernelOf(copyRecipe(DType::F32)).run);
  EXPECT_FALSE(kernelOf(*Recipe::parse("load 0 f32; load 1 bf16; cast %0 bf16; check %1 %2")).run);
  for (const char *none : {"none", "", "x86-64-v9"}) {
    CpuLevel cap(none);
    EXPECT_FALSE(kernelOf(cast).run);
  }
}

TEST(Kernels, EqualTheInterpreter) {
  for (const Case &c : allCasts()) {
    auto bits = samples(c.from, 200000);
    auto count = static_cast<int64_t>(bits.size());
    auto in = pack(bits, byteWidth(c.from.type));
    auto expected = reference(c, in, count);
    for (const Kernel &kernel : kernelsFor(c.recipe)) {
      std::vector<std::byte> out(expected.size());
      run(kernel, in.data(), out.data(), count);
      expectSame(c, kernel, bits, out, expected);
    }
  }
}

// Every one of the 2^32 f32 patterns; minutes, so only when asked for.
TEST(Kernels, EqualTheInterpreterOnEveryF32) {
  if (!std::getenv("RECAST_EXHAUSTIVE"))
    GTEST_SKIP() << "set RECAST_EXHAUSTIVE=1";
  constexpr uint64_t kBlock = uint64_t{1} << 22;
  std::vector<std::byte> in(kBlock * 4);
  for (const Case &c : allCasts()) {
    if (c.from.type != DType::F32)
      continue;
    auto kernels = kernelsFor(c.recipe);
    for (uint64_t begin = 0; begin < uint64_t{1} << 32; begin += kBlock) {
      for (uint64_t i = 0; i < kBlock; ++i) {
        auto bits = static_cast<uint32_t>(begin + i);
        std::memcpy(in.data() + i * 4, &bits, 4);
      }
      auto expected = reference(c, in, kBlock);
      for (const Kernel &kernel : kernels) {
        std::vector<std::byte> out(expected.size());
        run(kernel, in.data(), out.data(), kBlock);
        ASSERT_TRUE(out == expected) << kernel.name << " from 0x" << std::hex << begin;
      }
    }
  }
}

TEST(Kernels, EveryTailAndAlignment) {
  constexpr int64_t kMost = 140;
  for (const Case &c : allCasts()) {
    auto all = samples(c.from, 200);
    std::vector<uint64_t> bits;
    for (size_t i = 0; i < kMost; ++i)
      bits.push_back(all[i * 7919 % all.size()]);
    const unsigned inWidth = byteWidth(c.from.type), outWidth = byteWidth(c.to.type);
    auto in = pack(bits, inWidth);
    auto expected = reference(c, in, kMost);
    for (const Kernel &kernel : kernelsFor(c.recipe))
      for (int64_t count = -1; count <= kMost; ++count) {
        const size_t shift = static_cast<size_t>(count + 1) % 8;
        const size_t size = static_cast<size_t>(std::max<int64_t>(count, 0)) * outWidth;
        std::vector<std::byte> moved(shift + in.size());
        std::copy(in.begin(), in.end(), moved.begin() + shift);
        std::vector<std::byte> out(shift + size + 64, std::byte{0xa5});
        run(kernel, moved.data() + shift, out.data() + shift, count);
        ASSERT_TRUE(std::equal(expected.begin(), expected.begin() + size, out.begin() + shift))
            << kernel.name << " count " << count;
        for (size_t i = 0; i < out.size(); ++i)
          if (i < shift || i >= shift + size) {
            ASSERT_EQ(out[i], std::byte{0xa5}) << kernel.name << " count " << count;
          }
      }
  }
}

TEST(Kernels, IgnoreTheFloatingPointEnvironment) {
  for (const Case &c : allCasts()) {
    auto bits = samples(c.from, 1000);
    // Odd, so that the loop for the rest runs too.
    bits.resize(std::min<size_t>(bits.size(), 20000) - 1);
    auto count = static_cast<int64_t>(bits.size());
    auto in = pack(bits, byteWidth(c.from.type));
    auto expected = reference(c, in, count);
    for (const Kernel &kernel : kernelsFor(c.recipe))
      for (int e = 0; e < Environment::kCount; ++e) {
        std::vector<std::byte> out(expected.size());
        {
          Environment environment(e);
          std::feclearexcept(FE_ALL_EXCEPT);
          run(kernel, in.data(), out.data(), count);
          EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0) << kernel.name; // None to trap on either.
        }
        expectSame(c, kernel, bits, out, expected);
      }
  }
}

} // namespace
} // namespace recast::recipe::test
