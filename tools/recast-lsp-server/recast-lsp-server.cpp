// recast-lsp-server: editors' language server for .mlir files with our dialects beside all upstream
// ones.
#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Pipe/PipeDialect.h"
#include "dialect/Plan/PlanDialect.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<recast::ir::ckpt::CkptDialect, recast::ir::pipe::PipeDialect,
                  recast::ir::plan::PlanDialect>();
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
