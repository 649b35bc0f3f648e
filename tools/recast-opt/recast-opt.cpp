// recast-opt: the optimiser driver with all upstream dialects and passes beside our own.
#include "dialect/Ckpt/CkptDialect.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  registry.insert<recast::ir::ckpt::CkptDialect>();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Recast optimizer driver\n", registry));
}
