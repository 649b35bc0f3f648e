// PTX from recipes: its text, ptxas where there is one, and its meaning on the CPU, thread by
// thread.
#include "compiler/Codegen/Ptx.h"
#include "compiler/Codegen/LinkLibrary.h"
#include "runtime/device/cpu/Kernels.h"
#include "test/unit/recipe/CastSamples.h"

#include <cstdlib>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recast::codegen {
namespace {
using testing::HasSubstr;
using testing::Not;

std::string ptxOf(const recipe::Recipe &recipe, std::string_view target = "nvptx") {
  Kernel kernel{recipe, "kernel"};
  auto text = compilePtx({&kernel, 1}, *findPtxTarget(target));
  EXPECT_TRUE(text) << text.error().str();
  return text ? *text : "";
}

TEST(Ptx, MovesSixteenBytesAtATime) {
  std::string text = ptxOf(recipe::castRecipe(DType::F32, DType::BF16));
  EXPECT_THAT(text, HasSubstr("// kernel: load 0 f32; cast %0 bf16; store %1 0"));
  EXPECT_THAT(text, HasSubstr(".target sm_80"));
  EXPECT_THAT(text, HasSubstr(".visible .entry kernel("));
  EXPECT_THAT(text, HasSubstr("%ctaid.x"));
  EXPECT_THAT(text, HasSubstr("%ntid.x"));
  EXPECT_THAT(text, testing::ContainsRegex("ld\\.(global\\.)?v4\\.b32"));
  EXPECT_THAT(text, testing::ContainsRegex("st\\.(global\\.)?v4\\.b32"));
  // Rounded in integers: the conversion instructions make one pattern of all NaNs.
  EXPECT_THAT(text, Not(HasSubstr("cvt.rn.bf16")));
}

TEST(Ptx, NeverFusesOrFlushes) {
  for (auto [from, to] : {std::pair{DType::F32, DType::F8E4M3FN},
                          {DType::I64, DType::F32},
                          {DType::U64, DType::F64},
                          {DType::F16, DType::F32}}) {
    auto rule = recipe::overflowAllowed(to, recipe::Overflow::Ieee) ? recipe::Overflow::Ieee
                                                                    : recipe::Overflow::Saturate;
    std::string text = ptxOf(recipe::castRecipe(from, to, rule));
    for (const char *word : {"fma", ".ftz", "call.uni (retval"})
      EXPECT_THAT(text, Not(HasSubstr(word))) << name(from) << " " << name(to);
  }
}

TEST(Ptx, ArithmeticIsRoundedOnceEach) {
  std::string text = ptxOf(*recipe::Recipe::parse(
      "load 0 f32; cast %0 f64; scalar 1 f64; multiply %1 %2; root %3; add %4 %1; quotient %1 %5; "
      "subtract %1 %6; cast %7 f32; store %8 0"));
  // `mul.f64` alone may be fused by ptxas, `mul.rn.f64` not.
  for (const char *word : {"mul.rn.f64", "add.rn.f64", "sub.rn.f64", "div.rn.f64", "sqrt.rn.f64"})
    EXPECT_THAT(text, HasSubstr(word));
  for (const char *word : {"fma", ".ftz", "approx"})
    EXPECT_THAT(text, Not(HasSubstr(word)));
}

TEST(Ptx, IsDeterministicAndNamesItsChip) {
  auto recipe = recipe::castRecipe(DType::BF16, DType::F32);
  EXPECT_EQ(ptxOf(recipe), ptxOf(recipe));
  EXPECT_THAT(ptxOf(recipe, "nvptx-sm_90"), HasSubstr(".target sm_90"));
  EXPECT_EQ(findPtxTarget("nvptx-sm_5"), nullptr);
  Kernel check{*recipe::Recipe::parse("load 0 f32; load 1 f32; check %0 %1"), "check"};
  EXPECT_FALSE(compilePtx({&check, 1}, *findPtxTarget("nvptx")));
}

std::vector<recipe::Recipe> manyRecipes() {
  using namespace recipe::test;
  std::vector<recipe::Recipe> recipes;
  for (const recipe::FloatFormat &to : recipe::kFloatFormats) {
    for (const recipe::FloatFormat &from : recipe::kFloatFormats)
      if (from.type != to.type)
        for (recipe::Overflow rule : overflowRules(to.type))
          recipes.push_back(recipe::castRecipe(from.type, to.type, rule));
    for (DType from : kIntegerTypes)
      recipes.push_back(recipe::castRecipe(from, to.type, overflowRules(to.type).back()));
  }
  recipes.push_back(*recipe::Recipe::parse("load 0 f64; root %0; divide %1 3; subtract %0 %2; "
                                           "multiply %3 %0; quotient %4 %1; store %5 0"));
  return recipes;
}

std::vector<Kernel> numbered(const std::vector<recipe::Recipe> &recipes) {
  std::vector<Kernel> kernels;
  for (const recipe::Recipe &recipe : recipes)
    kernels.push_back({recipe, fmt::format("k{}", kernels.size())});
  return kernels;
}

TEST(Ptx, PtxasTakesEveryCast) {
  if (std::system("command -v ptxas >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "there is no ptxas on this machine";
  std::vector<Kernel> kernels = numbered(manyRecipes());
  for (const Target &target : ptxTargets()) {
    auto text = compilePtx(kernels, target);
    ASSERT_TRUE(text) << text.error().str();
    std::string path = testing::TempDir() + "/recast-kernels.ptx";
    std::ofstream(path) << *text;
    std::string command = fmt::format("ptxas -arch={} -o /dev/null {} 2>&1",
                                      target.level.substr(std::string_view("nvptx-").size()), path);
    EXPECT_EQ(std::system(command.c_str()), 0) << target.level;
    std::remove(path.c_str());
    kernels.resize(6); // Once for all of them: ptxas takes its time.
  }
}

// The function behind the entry point, compiled for this CPU: every thread of every block in turn.
TEST(Ptx, TilesMeanWhatTheInterpreterSays) {
  using namespace recipe::test;
  const std::string_view level = device::cpu::bestCpuLevel();
  ASSERT_FALSE(level.empty());
  const std::vector<Kernel> kernels = numbered(manyRecipes());
  auto object = compileTilesForCpu(kernels, *findTarget(level));
  ASSERT_TRUE(object) << object.error().str();
  auto library = linkLibrary(*object);
  ASSERT_TRUE(library) << library.error().str();
  std::string path = testing::TempDir() + "/recast-tiles.so";
  std::ofstream(path, std::ios::binary) << *library;
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(handle) << dlerror();
  std::remove(path.c_str());
  using TileFn = void (*)(const uint64_t *tiles, int64_t block, int64_t thread, int64_t threads);
  for (const Kernel &kernel : kernels) {
    auto function =
        reinterpret_cast<TileFn>(dlsym(handle, (kernel.symbol + std::string(kTileSuffix)).c_str()));
    ASSERT_TRUE(function) << kernel.symbol;
    DType from = kernel.recipe.inputType(0), to = kernel.recipe.outputType(0);
    const recipe::FloatFormat *format = recipe::floatFormat(from);
    auto bits = format ? samples(*format, 2000) : integerSamples(from, 2000);
    auto in = pack(bits, byteWidth(from));
    std::vector<std::byte> expected(bits.size() * byteWidth(to)), got(expected.size());
    const std::byte *inputs[] = {in.data()};
    std::byte *outputs[] = {expected.data()};
    recipe::interpret(kernel.recipe, inputs, outputs, static_cast<int64_t>(bits.size()));
    // Tiles of odd sizes; the second begins at an address that no 16 divides.
    std::vector<uint64_t> table;
    size_t cuts[] = {0, bits.size() / 3 | 1, bits.size() / 2, bits.size()};
    for (int tile = 0; tile < 3; ++tile) {
      table.push_back(reinterpret_cast<uintptr_t>(in.data() + cuts[tile] * byteWidth(from)));
      table.push_back(reinterpret_cast<uintptr_t>(got.data() + cuts[tile] * byteWidth(to)));
      table.push_back(cuts[tile + 1] - cuts[tile]);
    }
    constexpr int64_t kThreads = 5;
    for (int64_t block = 0; block < 3; ++block)
      for (int64_t thread = kThreads; thread-- > 0;)
        function(table.data(), block, thread, kThreads);
    EXPECT_TRUE(got == expected) << kernel.recipe.str();
  }
}

} // namespace
} // namespace recast::codegen
