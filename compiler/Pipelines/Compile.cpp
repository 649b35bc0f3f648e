#include "compiler/Pipelines/Compile.h"

#include "compiler/Bind/Bind.h"
#include "compiler/Conversion/Passes.h"
#include "compiler/Target/PlanIO.h"
#include "compiler/Transforms/Passes.h"

#include "mlir/IR/Diagnostics.h"

#include <fmt/format.h>

namespace recast::compiler {
namespace {

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  // For people: tables are named, their bytes are left out.
  module.print(stream, mlir::OpPrintingFlags().elideLargeResourceString(0));
  return text;
}

/// Runs the pipeline; what passes complain about becomes the error's text.
Status lower(mlir::ModuleOp module, bool fuse) {
  std::string complaints;
  mlir::ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
      complaints += (complaints.empty() ? "" : "; ") + diagnostic.str();
    return mlir::success();
  });
  mlir::PassManager manager(module.getContext());
  buildPlanPipeline(manager, fuse);
  if (mlir::failed(manager.run(module)))
    return internal(fmt::format("lowering to a plan failed: {}", complaints));
  return {};
}

/// Says which families of the plan the remarks speak of.
void numberFamilies(std::vector<Remark> &remarks, mlir::ModuleOp module) {
  llvm::StringMap<uint32_t> indices;
  for (auto family : module.getOps<ir::plan::FamilyOp>())
    indices.try_emplace(family.getSymName(), static_cast<uint32_t>(indices.size()));
  for (Remark &remark : remarks)
    if (auto found = indices.find(remark.family); found != indices.end())
      remark.index = found->second;
}

} // namespace

void buildPlanPipeline(mlir::OpPassManager &manager, bool fuse) {
  manager.addNestedPass<ir::ckpt::FamilyOp>(createCkptExpandVarying());
  if (fuse) {
    manager.addPass(createCkptNormalize());
    manager.addPass(createCkptMergeFamilies());
  } else {
    manager.addPass(createCkptSplitTargets());
  }
  manager.addPass(createConvertCkptToPlan());
}

Result<Compiled> compile(mlir::ModuleOp declared, CompileOptions options) {
  RECAST_ASSIGN(Bound bound, compiler::bind(declared, options.specText, std::move(options.source)));
  Compiled out;
  out.notes = std::move(bound.notes);
  if (options.keepIr) {
    out.declaredIr = print(declared);
    out.boundIr = print(*bound.module);
  }
  {
    std::optional<RemarkCollector> collector;
    if (options.keepRemarks)
      collector.emplace(*bound.module->getContext());
    RECAST_TRY(lower(*bound.module, options.fuse));
    if (collector)
      out.remarks = collector->take();
  }
  numberFamilies(out.remarks, *bound.module);
  if (options.keepIr)
    out.planIr = print(*bound.module);
  RECAST_ASSIGN(out.plan, exportPlan(*bound.module));
  RECAST_TRY(plan::seal(out.plan));
  RECAST_ASSIGN(out.proofs, prove(out.plan));
  return out;
}

} // namespace recast::compiler
