// recast-opt: the optimiser driver with all upstream dialects and passes beside our own.
#include "compiler/Conversion/Passes.h"
#include "compiler/Pipe/Passes.h"
#include "compiler/Transforms/Passes.h"
#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Pipe/PipeDialect.h"
#include "dialect/Plan/PlanDialect.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  registry.insert<recast::ir::ckpt::CkptDialect, recast::ir::pipe::PipeDialect,
                  recast::ir::plan::PlanDialect>();
  recast::compiler::registerTransformsPasses();
  recast::compiler::registerConversionPasses();
  recast::compiler::registerPipePasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Recast optimizer driver\n", registry));
}
