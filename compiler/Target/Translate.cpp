#include "compiler/Target/Translate.h"
#include "compiler/Target/PlanIO.h"
#include "dialect/Plan/PlanDialect.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/SourceMgr.h"

namespace recast {

mlir::OwningOpRef<mlir::ModuleOp> translatePlanToMlir(llvm::StringRef bytes,
                                                      mlir::MLIRContext *context) {
  auto plan = plan::readArtifact(std::string_view(bytes.data(), bytes.size()));
  if (!plan) {
    mlir::emitError(mlir::UnknownLoc::get(context)) << plan.error().str();
    return {};
  }
  return importPlan(*plan, *context);
}

mlir::LogicalResult translateMlirToPlan(mlir::ModuleOp module, llvm::raw_ostream &out) {
  auto plan = exportPlan(module);
  if (!plan)
    return module.emitError() << plan.error().str();
  if (Status ok = plan::verify(*plan); !ok)
    return module.emitError() << ok.error().str();
  out << plan::writeArtifact(*plan);
  return mlir::success();
}

void registerPlanTranslations() {
  auto registerDialect = [](mlir::DialectRegistry &registry) {
    registry.insert<ir::plan::PlanDialect>();
  };
  static mlir::TranslateToMLIRRegistration toMlir(
      "rplan-to-mlir", "a plan artifact to its text form",
      [](llvm::StringRef bytes, mlir::MLIRContext *context) {
        return mlir::OwningOpRef<mlir::Operation *>(
            translatePlanToMlir(bytes, context).release().getOperation());
      },
      registerDialect);
  static mlir::TranslateFromMLIRRegistration fromMlir(
      "mlir-to-rplan", "the text form of a plan to its artifact",
      [](mlir::ModuleOp module, llvm::raw_ostream &out) {
        return translateMlirToPlan(module, out);
      },
      registerDialect);
}

} // namespace recast
