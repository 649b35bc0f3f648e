// Predicted weights, from bound IR and from jobs to files: compiled == oracle == the formula
// written out here; each byte is read once.
#include "compiler/Bind/Bind.h"
#include "compiler/Codegen/MakePack.h"
#include "compiler/Pipelines/Compile.h"
#include "compiler/Target/PlanIO.h"
#include "dialect/Ckpt/MemberTable.h"
#include "dialect/Plan/PlanDialect.h"
#include "runtime/device/cpu/KernelFinder.h"
#include "runtime/plan/Expand.h"
#include "test/unit/compiler/Jobs.h"
#include "test/unit/compiler/Written.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>

using namespace recast;
namespace ckpt = recast::ir::ckpt;

namespace {

constexpr int64_t kRows = 12, kColumns = 10, kDp = 2;

/// Element i of state `which` (weights, first, second) of tensor t.
float valueOf(int64_t which, int64_t t, int64_t i) {
  auto x = static_cast<float>((i * 37 + t * 11 + which * 5) % 101 + 1) / 7;
  return which == 2 ? x * x * 1e-6f : (i % 3 ? x : -x) * (which == 1 ? 1e-3f : 1.0f);
}

/// What one executed plan wrote, with the kernels that it needs.
void execute(const plan::Plan &plan, bool kernels, exec::Report &report) {
  auto bytes = codegen::makePack(codegen::kernelsOfPlan(plan), device::cpu::bestCpuLevel());
  ASSERT_TRUE(bytes) << bytes.error().str();
  auto pack = device::cpu::KernelPack::load(*bytes, "test.rpack");
  ASSERT_TRUE(pack) << pack.error().str();
  device::cpu::KernelFinder finder(device::cpu::KernelFinder::Cache::Ignore, *pack);
  auto instance = capi::instantiate(plan);
  ASSERT_TRUE(instance) << instance.error().str();
  exec::Options options;
  options.sync = false;
  options.overwrite = true;
  options.useKernels = kernels;
  options.kernels = &finder;
  auto done = exec::execute(instance->program, options);
  ASSERT_TRUE(done) << done.error().str();
  report = *done;
}

/// Two tensors in three states, each state in a file per rank: weights and second states cut by
/// rows, first states by columns.
plan::Plan tablesOf(const fixtures::TemporaryFolder &folder) {
  plan::Plan plan;
  plan.strings = {"a", "b", "weight"};
  plan.sources = {{"run", "deepspeed", folder / "", ""}};
  const int64_t part = kRows * kColumns / kDp;
  for (int64_t which = 0; which < 3; ++which) {
    plan.stores.push_back({static_cast<uint32_t>(plan.extents.size()), kDp});
    for (int64_t rank = 0; rank < kDp; ++rank) {
      std::vector<float> content;
      for (int64_t t = 0; t < 2; ++t)
        for (int64_t k = 0; k < part; ++k) {
          int64_t half = kColumns / kDp;
          int64_t i = which == 1 ? k / half * kColumns + rank * half + k % half : rank * part + k;
          content.push_back(valueOf(which, t, i));
        }
      std::string name = "state" + std::to_string(which) + "rank" + std::to_string(rank);
      std::ofstream(folder / name, std::ios::binary)
          .write(reinterpret_cast<const char *>(content.data()),
                 static_cast<std::streamsize>(content.size() * 4));
      auto file = static_cast<uint32_t>(plan.files.size());
      auto info = io::statFile(folder / name);
      EXPECT_TRUE(info);
      plan.files.push_back({0, name, info->size, info->mtimeNs});
      plan.extents.push_back({file, 0, static_cast<int64_t>(content.size())});
    }
  }
  plan.layouts = {{}};
  plan::TargetEndpoint hub;
  hub.name = "hub";
  hub.format = "safetensors";
  hub.path = folder / "hub";
  plan.targets = {hub};
  return plan;
}

struct Update {
  ckpt::Direction direction;
  std::vector<double> scalars;
  bool decay = false;
  float operator()(float weight, float first, float second) const {
    double w = weight, x = first;
    if (direction == ckpt::Direction::Momentum)
      x = scalars[1] * x + scalars[2] * second;
    if (direction == ckpt::Direction::Adam)
      x = (x / scalars[1]) / (std::sqrt(second / scalars[2]) + scalars[3]);
    if (decay)
      w = w * scalars.back();
    return static_cast<float>(w - scalars[0] * x);
  }
};

/// The family: the weights ahead as they lie and transposed, in f32, and rounded to bf16; beside
/// them the weights and the first states as they are.
mlir::OwningOpRef<mlir::ModuleOp> boundModule(mlir::MLIRContext &context, const plan::Plan &plan,
                                              const Update &update) {
  context.loadDialect<ckpt::CkptDialect, ir::plan::PlanDialect>();
  auto loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  mlir::OpBuilder builder(module->getBodyRegion());
  addPlanOps(builder, plan);
  builder.setInsertionPointToEnd(module->getBody());
  auto type = [&](const char *axis) {
    layout::Layout layout{{{"dp"}, {kDp}}, {}, {}};
    layout.steps = {layout::Split{{axis}, {"dp"}, {}, {}}};
    return ckpt::ValueType::get(&context, {kRows, kColumns}, DType::F32,
                                ckpt::LayoutAttr::get(&context, layout));
  };
  const size_t states = ckpt::ExtrapolateOp::stateCount(update.direction);
  const size_t scalars = update.scalars.size(), inputs = 1 + states + scalars;
  llvm::SmallVector<mlir::Type> types{type("d0"), type("d1")};
  llvm::SmallVector<llvm::StringRef> roles{"weight", "first"};
  if (states == 2) {
    types.push_back(type("d0"));
    roles.push_back("second");
  }
  types.append(scalars, ckpt::ValueType::get(&context, {}, DType::F64));
  roles.append(scalars, "scalar");
  const int64_t part = kRows * kColumns / kDp;
  std::vector<int64_t> rows;
  for (int64_t t = 0; t < 2; ++t) {
    rows.push_back(t);
    for (size_t state = 0; state <= states; ++state)
      rows.insert(rows.end(), {static_cast<int64_t>(state), t * part, 0, 0});
    for (double scalar : update.scalars)
      rows.insert(rows.end(), {-1, std::bit_cast<int64_t>(scalar), 0, 0});
    for (int64_t output = 0; output < 4; ++output)
      rows.insert(rows.end(), {3 + 2 * output + t, 2, 0});
  }
  ckpt::MemberColumns columns{inputs, 4};
  auto family =
      ckpt::FamilyOp::create(builder, loc, "f", roles, {"hub", "hub", "hub", "hub"},
                             ckpt::makeMemberTable(&context, "f", columns.count(), rows), types);
  builder.setInsertionPointToEnd(&family.getBlock());
  auto whole = [&](mlir::Value value) -> mlir::Value {
    auto from = llvm::cast<ckpt::ValueType>(value.getType());
    return ckpt::ReshardOp::create(builder, loc, from.withOn({}), value);
  };
  llvm::SmallVector<mlir::Value> all(family.getInputs());
  llvm::ArrayRef<mlir::Value> values(all);
  mlir::Value ahead =
      ckpt::ExtrapolateOp::create(builder, loc, values[0].getType(), update.direction, values[0],
                                  values.slice(1, states), values.drop_front(1 + states));
  mlir::Value rounded = ckpt::CastOp::create(builder, loc, ahead, DType::BF16);
  ckpt::YieldOp::create(
      builder, loc,
      mlir::ValueRange{whole(ahead), whole(rounded), whole(values[0]), whole(values[1])});
  return module;
}

TEST(Predict, EveryDirectionReachesTheFiles) {
  fixtures::TemporaryFolder folder;
  plan::Plan tables = tablesOf(folder);
  for (const char *name : {"a.ahead", "b.ahead", "a.rounded", "b.rounded", "a.weight", "b.weight",
                           "a.first", "b.first"})
    tables.strings.push_back(name);
  for (const Update &update :
       {Update{ckpt::Direction::Velocity, {0.3}},
        Update{ckpt::Direction::Momentum, {0.03, 0.9, 0.75}},
        Update{ckpt::Direction::Adam, {0.006, 0.271, 0.142625, 1e-8}},
        Update{ckpt::Direction::Adam, {0.006, 0.271, 0.142625, 1e-8, 0.9994}, true}})
    for (auto [fuse, kernels] : {std::pair{true, true}, {true, false}, {false, true}}) {
      mlir::MLIRContext context;
      auto module = boundModule(context, tables, update);
      ASSERT_TRUE(mlir::succeeded(mlir::verify(*module)));
      auto expected = compiler::interpretBound(*module);
      ASSERT_TRUE(expected) << expected.error().str();

      mlir::PassManager manager(&context);
      compiler::buildPlanPipeline(manager, fuse);
      ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
      auto plan = exportPlan(*module);
      ASSERT_TRUE(plan) << plan.error().str();
      plan::setFingerprints(*plan);
      auto proofs = compiler::prove(*plan);
      ASSERT_TRUE(proofs) << proofs.error().str();
      auto loaded = plan::readArtifact(plan::writeArtifact(*plan));
      ASSERT_TRUE(loaded) << loaded.error().str();
      exec::Report report;
      ASSERT_NO_FATAL_FAILURE(execute(*loaded, kernels, report));
      auto written = fixtures::writtenTensors(*loaded);
      ASSERT_EQ(written.size(), 8u);
      for (const auto &[key, tensor] : *expected)
        EXPECT_EQ(written.at(key), tensor.bytes) << std::get<2>(key);
      for (int64_t t = 0; t < 2; ++t) {
        const std::string &ahead = written.at({"hub", "weight", t ? "b.ahead" : "a.ahead"});
        for (int64_t i = 0; i < kRows * kColumns; ++i) {
          float got;
          std::memcpy(&got, ahead.data() + i * 4, 4);
          ASSERT_EQ(got, update(valueOf(0, t, i), valueOf(1, t, i), valueOf(2, t, i)))
              << "element " << i;
        }
      }
    }
}

lang::Spec predicting(const std::string &source, const std::string &universal, int64_t s) {
  namespace rl = recast::lang;
  rl::SpecBuilder spec;
  auto run = spec.source("run", rl::deepspeed(source));
  auto uni = spec.target("uni", rl::deepspeed_universal(universal));
  auto job = spec.convert(run, {uni});
  job.role("ahead") =
      rl::predict({"master", "exp_avg", "exp_avg_sq"},
                  {rl::arg("s", s), rl::arg("rule", rl::name("adamw")), rl::arg("decay", true)});
  job.role("half").in({"layers.**"}) =
      rl::predict({"master", "exp_avg", "exp_avg_sq"},
                  {rl::arg("s", s), rl::arg("rule", rl::name("adamw")), rl::arg("decay", true)}) |
      rl::cast(rl::bf16);
  job.keepElse();
  job.objects().keepElse();
  return spec.spec();
}

class PredictJob : public ::testing::TestWithParam<const char *> {};

TEST_P(PredictJob, ExecutedPlansWriteWhatBoundIrMeans) {
  fixtures::TemporaryFolder folder;
  mlir::MLIRContext context;
  auto declared =
      lang::importSpec(predicting(fixtures::fixture(GetParam()), folder / "uni", 3), context);
  ASSERT_TRUE(declared) << declared.error().str();
  auto bound = compiler::bind(**declared, "");
  ASSERT_TRUE(bound) << bound.error().str();
  auto expected = compiler::interpretBound(*bound->module);
  ASSERT_TRUE(expected) << expected.error().str();
  for (auto [fuse, kernels] : {std::pair{true, true}, {true, false}, {false, true}}) {
    compiler::CompileOptions how;
    how.fuse = fuse;
    auto compiled = compiler::compile(**declared, how);
    ASSERT_TRUE(compiled) << compiled.error().str();
    exec::Report report;
    ASSERT_NO_FATAL_FAILURE(execute(compiled->plan, kernels, report));
    auto written = fixtures::writtenTensors(compiled->plan);
    size_t ahead = 0;
    for (const auto &[key, bytes] : written) {
      ASSERT_TRUE(expected->count(key)) << std::get<2>(key);
      EXPECT_EQ(bytes, expected->at(key).bytes) << std::get<1>(key) << " " << std::get<2>(key);
      if (std::get<1>(key) != "ahead")
        continue;
      ++ahead;
      EXPECT_NE(bytes, written.at({"uni", "master", std::get<2>(key)}));
    }
    EXPECT_GT(ahead, 8u);
  }
}
INSTANTIATE_TEST_SUITE_P(Fixtures, PredictJob,
                         ::testing::Values("z1_bf16_dp2", "z2_fp32_dp3", "z3_bf16_dp2",
                                           "z3_fp32_dp4_subgroups"),
                         [](const auto &info) { return std::string(info.param); });

/// Bytes read and written for each element of the families that predict, or that stand for them.
std::pair<uint64_t, uint64_t> bytesPerWeight(const plan::Plan &plan) {
  uint64_t read = 0, written = 0, weights = 0;
  for (uint32_t f = 0; f < plan.families.size(); ++f)
    for (uint32_t m = 0; m < plan.families[f].memberCount(); ++m) {
      const plan::Family &family = plan.families[f];
      bool isState = false, isAhead = false;
      for (size_t o = 0; o < family.outputs.size(); ++o) {
        const std::string &role =
            plan.strings[family.memberOutputs[m * family.outputs.size() + o].role];
        isState |= role == "master" || role == "exp_avg" || role == "exp_avg_sq" || role == "ahead";
        isAhead |= role == "ahead";
      }
      if (!isState)
        continue;
      auto totals = plan::countMember(plan, f, m);
      EXPECT_TRUE(totals);
      read += totals->bytesRead;
      written += totals->bytesWritten;
      if (isAhead)
        weights += totals->elements;
    }
  return {read / weights, written / weights};
}

TEST(Predict, OneReadFeedsStatesAndPrediction) {
  namespace rl = recast::lang;
  rl::SpecBuilder spec;
  auto run = spec.source("run", rl::deepspeed(fixtures::fixture("z3_fp32_dp1")));
  auto uni = spec.target("uni", rl::deepspeed_universal("/nonexistent/uni"));
  auto job = spec.convert(run, {uni});
  job.role("ahead") = rl::predict({"master", "exp_avg", "exp_avg_sq"},
                                  {rl::arg("s", 3), rl::arg("rule", rl::name("adamw"))});
  job.keepElse();
  job.objects().keepElse();
  mlir::MLIRContext context;
  auto declared = lang::importSpec(spec.spec(), context);
  ASSERT_TRUE(declared) << declared.error().str();
  auto compiled = [&](bool fuse) {
    compiler::CompileOptions how;
    how.fuse = fuse;
    auto done = compiler::compile(**declared, how);
    EXPECT_TRUE(done) << done.error().str();
    return done->plan;
  };
  // 28 bytes move for each weight: 12 in, 16 out. Copy and prediction by themselves: 24 + 16 = 40.
  EXPECT_EQ(bytesPerWeight(compiled(true)), (std::pair<uint64_t, uint64_t>{12, 16}));
  EXPECT_EQ(bytesPerWeight(compiled(false)), (std::pair<uint64_t, uint64_t>{24, 16}));
  for (const plan::Family &family : compiled(true).families)
    for (const plan::MemberInput &row : family.memberInputs)
      if (row.store == plan::kNone && !family.shape.empty()) {
        EXPECT_EQ(family.recipe.str().substr(0, 6), "load 0");
        EXPECT_NE(family.recipe.str().find("root"), std::string::npos);
      }
}

TEST(Predict, APlanThatReadsTensorsAsScalarsIsRefused) {
  fixtures::TemporaryFolder folder;
  plan::Plan plan = tablesOf(folder);
  plan::Family family;
  family.shape = {4};
  family.inputs = {{DType::F32, 0}, {DType::F64, 0}};
  family.outputs = {{0, DType::F32, 0}};
  family.recipe = *recipe::Recipe::parse("load 0 f32; cast %0 f64; scalar 1 f64; multiply %1 %2; "
                                         "cast %3 f32; store %4 0");
  family.memberNames = {0};
  plan.stores.push_back({0, 1});
  family.memberInputs = {{3, 0, 0, 0}, {plan::kNone, std::bit_cast<int64_t>(0.5), 0, 0}};
  family.memberOutputs = {{0, 2, 0}};
  plan.families = {family};
  auto status = plan::verify(plan);
  ASSERT_TRUE(status) << status.error().str();
  plan.families[0].memberInputs[1] = {3, 0, 0, 0};
  status = plan::verify(plan);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().str().find("one value for all elements"), std::string::npos)
      << status.error().str();
}

} // namespace
