// Compiled == oracle, bit for bit: what the executor writes is what bound IR means.
#include "compiler/Interpret/Oracle.h"
#include "compiler/Bind/Bind.h"
#include "compiler/Pipelines/Compile.h"
#include "runtime/capi/Instantiate.h"
#include "test/unit/compiler/Jobs.h"
#include "test/unit/compiler/Written.h"

using namespace recast;

namespace {

class Oracle : public ::testing::TestWithParam<const char *> {};

TEST_P(Oracle, ExecutedPlansWriteWhatBoundIrMeans) {
  fixtures::TemporaryFolder folder;
  lang::Spec spec =
      fixtures::bothTargets(fixtures::fixture(GetParam()), folder / "uni", folder / "hub");
  mlir::MLIRContext context;
  auto declared = lang::importSpec(spec, context);
  ASSERT_TRUE(declared) << declared.error().str();

  auto bound = compiler::bind(**declared, "");
  ASSERT_TRUE(bound) << bound.error().str();
  auto expected = compiler::interpretBound(*bound->module);
  ASSERT_TRUE(expected) << expected.error().str();

  // Fused with kernels, fused with the interpreter, and the families as bind made them.
  for (auto [fuse, kernels] : {std::pair{true, true}, {true, false}, {false, true}}) {
    compiler::CompileOptions how;
    how.fuse = fuse;
    auto compiled = compiler::compile(**declared, how);
    ASSERT_TRUE(compiled) << compiled.error().str();
    auto instance = capi::instantiate(compiled->plan);
    ASSERT_TRUE(instance) << instance.error().str();
    EXPECT_EQ(instance->forecast.readBytes,
              instance->forecast.loadBytes + instance->forecast.checkBytes);
    exec::Options options;
    options.sync = false;
    options.overwrite = true;
    options.useKernels = kernels;
    auto report = exec::execute(instance->program, options);
    ASSERT_TRUE(report) << report.error().str();
    EXPECT_EQ(report->bytesRead, instance->forecast.readBytes);
    auto written = fixtures::writtenTensors(compiled->plan);
    size_t compared = 0;
    for (const auto &[key, tensor] : *expected) {
      auto found = written.find(key);
      if (found == written.end()) {
        EXPECT_EQ(std::get<1>(key), "step")
            << std::get<2>(key); // Scalars are literals of their files.
        continue;
      }
      EXPECT_EQ(found->second, tensor.bytes)
          << std::get<0>(key) << " " << std::get<1>(key) << " " << std::get<2>(key);
      ++compared;
    }
    EXPECT_EQ(compared, written.size());
    EXPECT_GT(compared, 50u);
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Oracle,
                         ::testing::Values("z1_bf16_dp2", "z1_fp16_dp2", "z2_bf16_dp2",
                                           "z2_bf16_dp2_frozenmatrix", "z2_fp32_dp3", "z3_bf16_dp2",
                                           "z3_fp32_dp1", "z3_fp32_dp4_subgroups"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
