// Packs and the cache: kernels that are not built in, and files that may not be trusted.
#include "compiler/Codegen/MakePack.h"
#include "compiler/Codegen/Target.h"
#include "runtime/device/cpu/KernelCache.h"
#include "runtime/device/cpu/KernelFinder.h"
#include "runtime/io/TrustedFile.h"
#include "test/unit/recipe/CastSamples.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>

namespace recast::recipe::test {
namespace {
using device::cpu::KernelFinder;
using device::cpu::KernelPack;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<std::string_view> levels() {
  std::vector<std::string_view> out;
  for (const codegen::Target &target : codegen::allTargets())
    if (device::cpu::cpuSupports(target.level))
      out.push_back(target.level);
  return out;
}

void runKernel(const device::cpu::Kernel &kernel, const std::byte *in, std::byte *out,
               int64_t count) {
  const void *inputs[] = {in};
  void *outputs[] = {out};
  kernel.run(inputs, outputs, count);
}

std::vector<Recipe> integerCasts() {
  std::vector<Recipe> out;
  for (DType from : kIntegerTypes) {
    for (const FloatFormat &to : kFloatFormats)
      for (Overflow rule : overflowRules(to.type))
        out.push_back(castRecipe(from, to.type, rule));
    for (DType to : kIntegerTypes)
      if (from != to && castSupported(from, to))
        out.push_back(castRecipe(from, to));
  }
  return out;
}

/// Two casts in a row, from a small format by way of each to each: what a compiler may take for
/// one.
std::vector<Recipe> chains() {
  std::vector<Recipe> out;
  for (DType from : {DType::F16, DType::BF16, DType::F8E5M2})
    for (DType between : {DType::F32, DType::F64, DType::F16, DType::BF16})
      for (DType to : {DType::F16, DType::BF16, DType::F32})
        if (from != between && between != to)
          out.push_back(Recipe{{{.op = Op::Load, .type = from},
                                {.op = Op::Cast, .type = between, .a = 0},
                                {.op = Op::Cast, .type = to, .a = 1},
                                {.op = Op::Store, .type = to, .a = 2}}});
  return out;
}

// Compiled, linked, packed and loaded as users' kernels are; all values of 8 and 16 bits, all
// boundaries of wider ones, every tail, every setting of the floating-point unit.
void expectAsInterpreted(const std::vector<Recipe> &recipes) {
  for (std::string_view level : levels()) {
    auto bytes = codegen::makePack(recipes, level);
    ASSERT_TRUE(bytes) << bytes.error().str();
    auto pack = KernelPack::load(*bytes, "test.rpack");
    ASSERT_TRUE(pack) << pack.error().str();
    for (const Recipe &recipe : recipes) {
      device::cpu::Kernel kernel = (*pack)->find(recipe.hash(), recipe.str());
      ASSERT_TRUE(kernel.run) << recipe.str();
      DType from = recipe.inputType(0), to = recipe.outputType(0);
      const FloatFormat *format = floatFormat(from);
      auto bits = format ? samples(*format, 3000) : integerSamples(from, 3000);
      bits.resize(bits.size() - 1); // Odd: the loop for the rest runs, too.
      auto in = recipe::test::pack(bits, byteWidth(from));
      auto count = static_cast<int64_t>(bits.size());
      std::vector<std::byte> expected(bits.size() * byteWidth(to)), got(expected.size());
      const std::byte *inputs[] = {in.data()};
      std::byte *outputs[] = {expected.data()};
      interpret(recipe, inputs, outputs, count);
      for (int e = 0; e < Environment::kCount; ++e) {
        std::fill(got.begin(), got.end(), std::byte{0xa5});
        {
          Environment environment(e);
          std::feclearexcept(FE_ALL_EXCEPT);
          runKernel(kernel, in.data(), got.data(), count);
          EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0) << kernel.name;
        }
        for (size_t i = 0; got != expected && i < bits.size(); ++i) {
          uint64_t a = 0, b = 0;
          std::memcpy(&a, got.data() + i * byteWidth(to), byteWidth(to));
          std::memcpy(&b, expected.data() + i * byteWidth(to), byteWidth(to));
          ASSERT_EQ(a, b) << kernel.name << " of 0x" << std::hex << bits[i] << " environment " << e;
        }
      }
    }
  }
}

TEST(PackedKernels, IntegerCastsEqualTheInterpreterOnEveryLevel) {
  expectAsInterpreted(integerCasts());
}

TEST(PackedKernels, ChainsEqualTheInterpreterOnEveryLevel) { expectAsInterpreted(chains()); }

/// A cache folder of its own while it lives.
class Pack : public testing::Test {
protected:
  void SetUp() override {
    char folder[] = "/tmp/recast-pack-XXXXXX";
    ASSERT_TRUE(mkdtemp(folder));
    root_ = folder;
    setenv("XDG_CACHE_HOME", root_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("XDG_CACHE_HOME");
    fs::remove_all(root_);
  }
  /// The cache's answer, and the notes that it led to.
  KernelFinder::Found find(const Recipe &recipe) {
    KernelFinder finder(KernelFinder::Cache::Use);
    auto found = finder.find(recipe.hash(), recipe.str());
    notes_ = testing::PrintToString(finder.notes());
    // Names must not outlive the finder.
    found.kernel.name = {};
    return found;
  }
  std::string entry(const Recipe &recipe) const {
    return device::cpu::kernelCacheFolder() + "/" +
           device::cpu::kernelCacheEntry(recipe.hash(), device::cpu::bestCpuLevel());
  }

  const Recipe recipe_ = castRecipe(DType::I64, DType::BF16);
  std::string root_, notes_;
};

TEST_F(Pack, TheCacheIsFilledOnceAndUsed) {
  EXPECT_FALSE(find(recipe_).kernel.run);
  EXPECT_EQ(notes_, "{}");
  std::vector<Recipe> recipes = {recipe_, castRecipe(DType::F32, DType::BF16)};
  auto added = codegen::fillKernelCache(recipes);
  ASSERT_TRUE(added) << added.error().str();
  EXPECT_EQ(*added, 1u); // The other one is built in.
  EXPECT_EQ(*codegen::fillKernelCache(recipes), 0u);
  auto found = find(recipe_);
  ASSERT_TRUE(found.kernel.run);
  EXPECT_EQ(found.origin, "kernel cache");
  EXPECT_FALSE(KernelFinder().find(recipe_.hash(), recipe_.str()).kernel.run);
  int64_t value = -3;
  uint16_t result = 0;
  runKernel(found.kernel, reinterpret_cast<std::byte *>(&value),
            reinterpret_cast<std::byte *>(&result), 1);
  EXPECT_EQ(result, 0xc040);
  // Several entries in one process keep apart.
  std::vector<Recipe> more = {castRecipe(DType::I32, DType::BF16),
                              castRecipe(DType::U8, DType::F32)};
  EXPECT_EQ(*codegen::fillKernelCache(more), 2u);
  KernelFinder several(KernelFinder::Cache::Use);
  std::set<device::cpu::KernelFn> functions;
  for (const Recipe &recipe : {recipe_, more[0], more[1]})
    functions.insert(several.find(recipe.hash(), recipe.str()).kernel.run);
  EXPECT_EQ(functions.size(), 3u);
  struct stat st;
  ASSERT_EQ(stat(device::cpu::kernelCacheFolder().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
  // Another text under the same hash is another recipe.
  KernelFinder finder(KernelFinder::Cache::Use);
  EXPECT_FALSE(finder.find(recipe_.hash(), "load 0 i64; cast %0 f16; store %1 0").kernel.run);
  EXPECT_THAT(finder.notes(), testing::ElementsAre(HasSubstr("for something else")));
}

TEST_F(Pack, EntriesThatCannotBeTrustedAreIgnoredWithANote) {
  ASSERT_TRUE(codegen::fillKernelCache({&recipe_, 1}));
  const std::string path = entry(recipe_), folder = device::cpu::kernelCacheFolder();
  ASSERT_TRUE(find(recipe_).kernel.run);
  auto refused = [&](const char *why) {
    EXPECT_FALSE(find(recipe_).kernel.run) << why;
    EXPECT_THAT(notes_, HasSubstr(why));
    EXPECT_THAT(notes_, HasSubstr("the interpreter is used"));
  };
  for (mode_t mode : {0620, 0602}) {
    chmod(path.c_str(), mode);
    refused("others may write it");
  }
  chmod(path.c_str(), 0600);
  for (mode_t mode : {0750, 0701}) {
    chmod(folder.c_str(), mode);
    refused("others may enter the folder");
  }
  chmod(folder.c_str(), 0700);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(path.c_str(), 4711, 4711), 0);
    refused("belongs to user 4711");
    ASSERT_EQ(chown(path.c_str(), 0, 0), 0);
    ASSERT_EQ(chown(folder.c_str(), 4711, 4711), 0);
    refused("belongs to user 4711");
    ASSERT_EQ(chown(folder.c_str(), 0, 0), 0);
  }
  fs::rename(path, folder + "/real");
  fs::create_symlink("real", path);
  refused("cannot open");
  fs::remove(path);
  fs::create_directory(path);
  refused("not a regular file");
  fs::remove(path);
  fs::rename(folder + "/real", path);
  EXPECT_TRUE(find(recipe_).kernel.run);
  // The kernel of another recipe under this name.
  const Recipe other = castRecipe(DType::I32, DType::BF16);
  ASSERT_TRUE(codegen::fillKernelCache({&other, 1}));
  fs::copy_file(entry(other), path, fs::copy_options::overwrite_existing);
  refused("for something else");
}

TEST_F(Pack, DamageIsFoundBeforeAnythingIsLoaded) {
  auto bytes = codegen::makePack({&recipe_, 1}, device::cpu::bestCpuLevel());
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, *codegen::makePack({&recipe_, 1}, device::cpu::bestCpuLevel()));
  for (size_t size = 0; size < bytes->size(); size += 1 + size / 16)
    EXPECT_FALSE(KernelPack::load(bytes->substr(0, size), "p")) << size;
  for (size_t at = 0; at < bytes->size(); at += 1 + at / 64) {
    std::string damaged = *bytes;
    damaged[at] ^= 0x10;
    auto loaded = KernelPack::load(damaged, "p");
    ASSERT_FALSE(loaded) << at;
    EXPECT_EQ(loaded.error().code(), Code::BadInput);
  }
  EXPECT_THAT(KernelPack::load("", "p").error().str(), HasSubstr("not a kernel pack"));
}

TEST_F(Pack, ForAnotherCpu) {
  auto bytes = codegen::makePack({&recipe_, 1}, "aarch64");
  ASSERT_TRUE(bytes) << bytes.error().str();
  if (!device::cpu::cpuSupports("aarch64")) {
    EXPECT_THAT(KernelPack::load(*bytes, "p").error().str(), HasSubstr("kernels for aarch64"));
  }
  setenv("RECAST_CPU", "none", 1);
  auto here = KernelPack::load(*codegen::makePack({&recipe_, 1}, "x86-64-v2"), "p");
  unsetenv("RECAST_CPU");
  EXPECT_FALSE(here);
}

TEST(PackedKernels, HaveNames) {
  EXPECT_EQ(shortName(castRecipe(DType::F32, DType::F8E4M3FN, Overflow::Saturate)),
            "f32_f8e4m3fn_saturate");
  EXPECT_THAT(shortName(*Recipe::parse("load 0 f32; load 1 f32; check %0 %1; store %0 0")),
              HasSubstr("recipe_"));
}

} // namespace
} // namespace recast::recipe::test
