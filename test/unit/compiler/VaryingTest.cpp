// Values that differ between ranks, from bound IR to files: compiled == oracle == the mean written
// out here.
#include "compiler/Pipelines/Compile.h"
#include "compiler/Target/PlanIO.h"
#include "dialect/Ckpt/MemberTable.h"
#include "dialect/Plan/PlanDialect.h"
#include "test/unit/compiler/Jobs.h"
#include "test/unit/compiler/Written.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <cstring>
#include <fstream>

using namespace recast;
namespace ckpt = recast::ir::ckpt;

namespace {

constexpr int64_t kRows = 6, kColumns = 5, kTp = 3, kDp = 2;

/// Version `tp` of element i of tensor `t`: magnitudes apart, so that the order of sums shows.
float valueOf(int64_t t, int64_t tp, int64_t i) {
  return std::ldexp(static_cast<float>(i * 7 + tp * 13 + t + 1) / 3, static_cast<int>(20 * tp - i));
}

/// Two tensors of kRows x kColumns f32, rows split over dp, versions along tp; each rank's half
/// lies in its own file, one tensor behind the other.
plan::Plan tablesOf(const fixtures::TemporaryFolder &folder) {
  plan::Plan plan;
  plan.strings = {"a", "b", "weight"};
  plan.sources = {{"run", "deepspeed", folder / "", ""}};
  for (int64_t rank = 0; rank < kDp * kTp; ++rank) {
    std::vector<float> content;
    int64_t dp = rank / kTp, tp = rank % kTp, half = kRows * kColumns / kDp;
    for (int64_t t = 0; t < 2; ++t)
      for (int64_t i = 0; i < half; ++i)
        content.push_back(valueOf(t, tp, dp * half + i));
    std::string name = "rank" + std::to_string(rank);
    std::ofstream(folder / name, std::ios::binary)
        .write(reinterpret_cast<const char *>(content.data()),
               static_cast<std::streamsize>(content.size() * 4));
    auto file = static_cast<uint32_t>(plan.files.size());
    auto info = io::statFile(folder / name);
    EXPECT_TRUE(info);
    plan.files.push_back({0, name, info->size, info->mtimeNs});
    plan.extents.push_back({file, 0, static_cast<int64_t>(content.size())});
  }
  plan.stores = {{0, kDp * kTp}};
  plan.layouts = {{}};
  plan::TargetEndpoint hub;
  hub.name = "hub";
  hub.format = "safetensors";
  hub.path = folder / "hub";
  plan.targets = {hub};
  return plan;
}

/// The family: mean in f32 and, rounded after it, in bf16; the version of tp = 1 beside them.
mlir::OwningOpRef<mlir::ModuleOp> boundModule(mlir::MLIRContext &context, const plan::Plan &plan) {
  context.loadDialect<ckpt::CkptDialect, ir::plan::PlanDialect>();
  auto loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  mlir::OpBuilder builder(module->getBodyRegion());
  addPlanOps(builder, plan);
  builder.setInsertionPointToEnd(module->getBody());
  layout::Layout varying{{{"dp", "tp"}, {kDp, kTp}}, {}, {}};
  varying.steps = {layout::Varying{"tp"}, layout::Split{{"d0"}, {"dp"}, {}, {}}};
  auto type = ckpt::ValueType::get(&context, {kRows, kColumns}, DType::F32,
                                   ckpt::LayoutAttr::get(&context, varying));
  int64_t half = kRows * kColumns / kDp;
  std::vector<int64_t> rows;
  for (int64_t t = 0; t < 2; ++t) // name; store, start, total, part; outputs: name, role, part
    rows.insert(rows.end(), {t, 0, t * half, 0, 0, 3 + t, 2, 0, 5 + t, 2, 0, 7 + t, 2, 0});
  auto family =
      ckpt::FamilyOp::create(builder, loc, "f", {"weight"}, {"hub", "hub", "hub"},
                             ckpt::makeMemberTable(&context, "f", 14, rows), mlir::TypeRange(type));
  builder.setInsertionPointToEnd(&family.getBlock());
  auto whole = [&](mlir::Value value) -> mlir::Value {
    auto from = llvm::cast<ckpt::ValueType>(value.getType());
    return ckpt::ReshardOp::create(builder, loc, from.withOn({}), value);
  };
  mlir::Value x = family.getInputs()[0];
  mlir::Value mean = ckpt::AverageOp::create(builder, loc, x);
  mlir::Value rounded = ckpt::CastOp::create(builder, loc, mean, DType::BF16);
  mlir::Value one = ckpt::SelectOp::create(builder, loc, x, builder.getStringAttr("tp"),
                                           builder.getI64IntegerAttr(1));
  ckpt::YieldOp::create(builder, loc, mlir::ValueRange{whole(mean), whole(rounded), whole(one)});
  return module;
}

TEST(Varying, MeansAndVersionsReachTheFiles) {
  fixtures::TemporaryFolder folder;
  plan::Plan tables = tablesOf(folder);
  for (const char *name : {"a.mean", "b.mean", "a.rounded", "b.rounded", "a.one", "b.one"})
    tables.strings.push_back(name);
  for (bool fuse : {true, false}) {
    mlir::MLIRContext context;
    auto module = boundModule(context, tables);
    ASSERT_TRUE(mlir::succeeded(mlir::verify(*module)));
    auto expected = compiler::interpretBound(*module);
    ASSERT_TRUE(expected) << expected.error().str();
    ASSERT_EQ(expected->size(), 6u);

    mlir::PassManager manager(&context);
    compiler::buildPlanPipeline(manager, fuse);
    ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
    auto plan = exportPlan(*module);
    ASSERT_TRUE(plan) << plan.error().str();
    plan::setFingerprints(*plan);
    auto sound = plan::verify(*plan);
    ASSERT_TRUE(sound) << sound.error().str();
    auto proofs = compiler::prove(*plan);
    ASSERT_TRUE(proofs) << proofs.error().str();
    // Through the artifact, which knows the arithmetic too.
    auto loaded = plan::readArtifact(plan::writeArtifact(*plan));
    ASSERT_TRUE(loaded) << loaded.error().str();
    auto instance = capi::instantiate(*loaded);
    ASSERT_TRUE(instance) << instance.error().str();
    exec::Options options;
    options.sync = false;
    options.overwrite = true;
    auto report = exec::execute(instance->program, options);
    ASSERT_TRUE(report) << report.error().str();
    auto written = fixtures::writtenTensors(*loaded);
    ASSERT_EQ(written.size(), expected->size());
    for (const auto &[key, tensor] : *expected)
      EXPECT_EQ(written.at(key), tensor.bytes) << std::get<2>(key);

    for (int64_t t = 0; t < 2; ++t) {
      std::string name = t ? "b" : "a";
      const std::string &mean = written.at({"hub", "weight", name + ".mean"});
      const std::string &one = written.at({"hub", "weight", name + ".one"});
      for (int64_t i = 0; i < kRows * kColumns; ++i) {
        float got, version;
        std::memcpy(&got, mean.data() + i * 4, 4);
        std::memcpy(&version, one.data() + i * 4, 4);
        double sum = valueOf(t, 0, i);
        sum += valueOf(t, 1, i);
        sum += valueOf(t, 2, i);
        ASSERT_EQ(got, static_cast<float>(sum / 3)) << name << " " << i;
        ASSERT_EQ(version, valueOf(t, 1, i));
      }
    }
  }
}

TEST(Varying, APlanDoesNotPickAVersion) {
  fixtures::TemporaryFolder folder;
  plan::Plan plan = tablesOf(folder);
  layout::Layout varying{{{"dp", "tp"}, {kDp, kTp}}, {}, {}};
  varying.steps = {layout::Varying{"tp"}, layout::Split{{"d0"}, {"dp"}, {}, {}}};
  plan.layouts.push_back(varying);
  plan::Family family;
  family.shape = {kRows, kColumns};
  family.inputs = {{DType::F32, 1}};
  family.outputs = {{0, DType::F32, 0}};
  family.recipe = recipe::copyRecipe(DType::F32);
  family.memberNames = {0};
  family.memberInputs = {{0, 0, 0, 0}};
  family.memberOutputs = {{0, 2, 0}};
  plan.families = {family};
  auto status = plan::verify(plan);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().str().find("its values vary along tp"), std::string::npos)
      << status.error().str();
}

} // namespace
