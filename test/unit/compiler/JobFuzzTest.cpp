// Random jobs from their text to their files: two views of one model that transpose, pack, stack,
// pad, cast, grow and initialise. Compiled == interpreted == bound IR's oracle == what the
// generator works out element by element, bit for bit.
#include "compiler/Bind/Bind.h"
#include "compiler/Codegen/MakePack.h"
#include "compiler/Pipelines/Compile.h"
#include "lang/import/Import.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Parser.h"
#include "runtime/device/cpu/KernelFinder.h"
#include "test/unit/compiler/Jobs.h"
#include "test/unit/compiler/RandomViews.h"
#include "test/unit/compiler/Written.h"

#include <fmt/format.h>
#include <fstream>

using namespace recast;

namespace {

struct Job {
  fixtures::RandomConversion random;
  plan::Plan plan;
  std::string text;
};

/// Compiles a job after saying it as text and back, and asks the oracle.
void compileJob(uint64_t seed, const std::string &folder, mlir::MLIRContext &context, Job &job) {
  job.random = fixtures::randomConversion(seed, folder + ".safetensors", folder + ".out");
  job.text = lang::format(job.random.spec);
  std::ofstream(folder + ".safetensors", std::ios::binary)
      << fixtures::safetensorsOf(job.random.source);
  auto parsed = lang::parseAndCheck(job.text);
  ASSERT_TRUE(parsed) << parsed.error().str();
  ASSERT_TRUE(*parsed == job.random.spec);
  auto declared = lang::importSpec(*parsed, context);
  ASSERT_TRUE(declared) << declared.error().str();
  auto again = lang::exportSpec(**declared);
  ASSERT_TRUE(again) << again.error().str();
  ASSERT_TRUE(lang::check(*again));

  auto bound = compiler::bind(**declared, "");
  ASSERT_TRUE(bound) << bound.error().str();
  auto oracle = compiler::interpretBound(*bound->module);
  ASSERT_TRUE(oracle) << oracle.error().str();
  ASSERT_EQ(oracle->size(), job.random.expected.size());
  for (const auto &[key, tensor] : *oracle) {
    auto expected = job.random.expected.find(std::get<2>(key));
    ASSERT_NE(expected, job.random.expected.end()) << std::get<2>(key);
    ASSERT_EQ(tensor.dtype, expected->second.dtype) << std::get<2>(key);
    ASSERT_EQ(tensor.shape, expected->second.shape) << std::get<2>(key);
    ASSERT_TRUE(tensor.bytes == expected->second.bytes) << std::get<2>(key) << " by the oracle";
  }
  compiler::CompileOptions how;
  how.fuse = seed % 3 != 0;
  auto compiled = compiler::compile(**declared, how);
  ASSERT_TRUE(compiled) << compiled.error().str();
  job.plan = std::move(compiled->plan);
}

void runJob(const Job &job, bool kernels, device::cpu::KernelFinder &finder) {
  auto instance = capi::instantiate(job.plan);
  ASSERT_TRUE(instance) << instance.error().str();
  exec::Options options;
  options.sync = false;
  options.overwrite = true;
  options.useKernels = kernels;
  options.kernels = &finder;
  auto report = exec::execute(instance->program, options);
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_EQ(report->bytesRead, report->bytesNeeded);
  auto written = fixtures::writtenTensors(job.plan);
  ASSERT_EQ(written.size(), job.random.expected.size());
  for (const auto &[key, bytes] : written) {
    const std::string &expected = job.random.expected.at(std::get<2>(key)).bytes;
    ASSERT_EQ(bytes.size(), expected.size());
    auto [at, other] = std::mismatch(bytes.begin(), bytes.end(), expected.begin());
    ASSERT_TRUE(at == bytes.end())
        << std::get<2>(key) << (kernels ? ", compiled" : ", interpreted") << ", from byte "
        << at - bytes.begin() << " of " << bytes.size();
  }
}

TEST(JobFuzz, CompiledInterpretedAndWorkedOutAgree) {
  fixtures::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "");
  // One seed by itself: RECAST_SEED=17.
  const char *only = std::getenv("RECAST_SEED");
  uint64_t first = only ? std::stoull(only) : 0;
  uint64_t count = only ? 1 : std::getenv("RECAST_EXHAUSTIVE") ? 2000 : 120;
  mlir::MLIRContext context;
  std::vector<Job> jobs(count);
  std::vector<recipe::Recipe> recipes;
  fixtures::RandomConversion met;
  for (uint64_t i = 0; i < count; ++i) {
    SCOPED_TRACE(fmt::format("seed {}\n{}", first + i, jobs[i].text));
    compileJob(first + i, folder / fmt::format("{}", i), context, jobs[i]);
    if (testing::Test::HasFatalFailure()) {
      std::fprintf(stderr, "seed %llu\n%s\n", static_cast<unsigned long long>(first + i),
                   jobs[i].text.c_str());
      return;
    }
    for (recipe::Recipe &recipe : codegen::kernelsOfPlan(jobs[i].plan))
      if (std::find(recipes.begin(), recipes.end(), recipe) == recipes.end())
        recipes.push_back(std::move(recipe));
    const fixtures::RandomConversion &one = jobs[i].random;
    met.packs += one.packs, met.stacks += one.stacks, met.pads += one.pads;
    met.grown += one.grown, met.absent += one.absent;
  }
  auto bytes = codegen::makePack(recipes, device::cpu::bestCpuLevel());
  ASSERT_TRUE(bytes) << bytes.error().str();
  auto pack = device::cpu::KernelPack::load(*bytes, "fuzz.rpack");
  ASSERT_TRUE(pack) << pack.error().str();
  device::cpu::KernelFinder finder(device::cpu::KernelFinder::Cache::Ignore, *pack);
  for (uint64_t i = 0; i < count; ++i)
    for (bool kernels : {true, false}) {
      SCOPED_TRACE(fmt::format("seed {}\n{}", first + i, jobs[i].text));
      runJob(jobs[i], kernels, finder);
      if (testing::Test::HasFatalFailure())
        return;
    }
  if (only)
    return;
  EXPECT_GT(met.packs, count);
  EXPECT_GT(met.stacks, count / 2);
  EXPECT_GT(met.pads, count);
  EXPECT_GT(met.grown, count / 2);
  EXPECT_GT(met.absent, count / 8);
}

} // namespace
