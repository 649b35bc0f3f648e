// Artifact -> plan dialect -> text -> plan dialect -> artifact, byte for byte.
#include "PlanSamples.h"

#include "compiler/Target/PlanIO.h"
#include "compiler/Target/Translate.h"
#include "dialect/Plan/PlanDialect.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recast::plan::test {
namespace {

using testing::HasSubstr;

class PlanText : public testing::Test {
protected:
  PlanText() { context_.printOpOnDiagnostic(false); }

  std::string print(mlir::ModuleOp module, bool generic = false) {
    std::string text;
    llvm::raw_string_ostream out(text);
    mlir::OpPrintingFlags flags;
    if (generic)
      flags.printGenericOpForm();
    module->print(out, flags);
    return text;
  }

  /// Parses in a context of its own, so that no resource can be left over from another module.
  std::string artifactOfText(const std::string &text) {
    mlir::MLIRContext context;
    context.loadDialect<ir::plan::PlanDialect>();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return "does not parse";
    auto plan = exportPlan(*module);
    return plan ? writeArtifact(*plan) : plan.error().str();
  }

  std::string exportError(const std::string &text) {
    mlir::MLIRContext context;
    context.loadDialect<ir::plan::PlanDialect>();
    std::string diagnostic;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &d) {
      diagnostic += d.str();
      return mlir::success();
    });
    auto module =
        mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context, false));
    if (!module)
      return "parse: " + diagnostic;
    auto plan = exportPlan(*module);
    return plan ? std::string("no error") : plan.error().str();
  }

  mlir::MLIRContext context_;
};

TEST_F(PlanText, GoldenPlan) {
  Plan plan = goldenPlan();
  auto module = importPlan(plan, context_);
  ASSERT_TRUE(mlir::succeeded(mlir::verify(*module)));
  auto back = exportPlan(*module);
  ASSERT_TRUE(back.has_value()) << back.error().str();
  EXPECT_EQ(*back, plan);
  std::string bytes = writeArtifact(plan);
  EXPECT_EQ(writeArtifact(*back), bytes);
  EXPECT_EQ(artifactOfText(print(*module)), bytes);
  EXPECT_EQ(artifactOfText(print(*module, /*generic=*/true)), bytes);
}

TEST_F(PlanText, RandomPlans) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    Plan plan = randomPlan(seed);
    auto module = importPlan(plan, context_);
    ASSERT_TRUE(mlir::succeeded(mlir::verify(*module))) << "seed " << seed;
    EXPECT_TRUE(artifactOfText(print(*module)) == writeArtifact(plan)) << "seed " << seed;
  }
}

TEST_F(PlanText, Bytecode) {
  Plan plan = goldenPlan();
  auto module = importPlan(plan, context_);
  std::string bytes;
  llvm::raw_string_ostream out(bytes);
  ASSERT_TRUE(mlir::succeeded(mlir::writeBytecodeToFile(*module, out)));
  EXPECT_EQ(artifactOfText(bytes), writeArtifact(plan));
}

TEST_F(PlanText, PlansOfOneContextDoNotShareResources) {
  Plan first = goldenPlan(), second = goldenPlan();
  second.files[0].size += 1000;
  second.instanceFingerprint = computeFingerprints(second).instance;
  auto a = importPlan(first, context_);
  auto b = importPlan(second, context_);
  EXPECT_EQ(*exportPlan(*a), first);
  EXPECT_EQ(*exportPlan(*b), second);
}

TEST_F(PlanText, TablesWithoutFamilies) {
  Plan plan = goldenPlan();
  plan.families.clear();
  plan.targets.clear();
  plan.schemaFingerprint = plan.instanceFingerprint = 0;
  auto module = importPlan(plan, context_);
  EXPECT_EQ(*exportPlan(*module), plan);
}

TEST_F(PlanText, FamilyWithoutMembers) {
  Plan plan = goldenPlan();
  for (Family &family : plan.families) {
    family.memberNames.clear();
    family.memberInputs.clear();
    family.memberOutputs.clear();
  }
  plan.schemaFingerprint = plan.instanceFingerprint = 0;
  auto module = importPlan(plan, context_);
  EXPECT_EQ(artifactOfText(print(*module)), writeArtifact(plan));
}

TEST_F(PlanText, Translations) {
  std::string bytes = writeArtifact(goldenPlan());
  auto module = translatePlanToMlir(bytes, &context_);
  ASSERT_TRUE(module);
  std::string back;
  llvm::raw_string_ostream out(back);
  ASSERT_TRUE(mlir::succeeded(translateMlirToPlan(*module, out)));
  EXPECT_EQ(back, bytes);

  std::string diagnostics;
  mlir::ScopedDiagnosticHandler handler(&context_, [&](mlir::Diagnostic &d) {
    diagnostics += d.str();
    return mlir::success();
  });
  EXPECT_FALSE(translatePlanToMlir("no plan", &context_));
  EXPECT_THAT(diagnostics, HasSubstr("not a Recast plan"));
  // Ops that are sound one by one, but not together.
  diagnostics.clear();
  for (auto layout : llvm::make_early_inc_range(module->getOps<ir::plan::LayoutOp>()))
    layout.erase();
  std::string none;
  llvm::raw_string_ostream nowhere(none);
  EXPECT_TRUE(mlir::failed(translateMlirToPlan(*module, nowhere)));
  EXPECT_THAT(diagnostics, HasSubstr("has layout"));
  EXPECT_EQ(none, "");
}

TEST_F(PlanText, ExportErrors) {
  EXPECT_EQ(exportError("module {}"), "no error");
  EXPECT_THAT(exportError("plan.extents dense_resource<gone> : tensor<1x3xi64>"),
              HasSubstr("the data of resource `gone` is not there"));
  std::string version = fmt::format("{}.{}", kVersionMajor, kVersionMinor);
  std::string header = fmt::format(
      "plan.header version \"{}\" budget 0 schema 0x0 instance 0x0 spec \"\"\n", version);
  EXPECT_EQ(exportError(header), "no error");
  EXPECT_THAT(exportError(header + header), HasSubstr("a module may have only one"));
  EXPECT_THAT(exportError("plan.header version \"9.1\" budget 0 schema 0x0 instance 0x0 spec \"\""),
              HasSubstr("format version 9.1, this program writes " + version));
  EXPECT_THAT(exportError("plan.layout \"nonsense\""), HasSubstr("does not read as a layout"));
}

} // namespace
} // namespace recast::plan::test
