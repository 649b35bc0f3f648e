// Our dialects and passes as a plugin of a stock mlir-opt:
//   mlir-opt --load-dialect-plugin=recast-mlir.so --load-pass-plugin=recast-mlir.so
//     --pass-pipeline="builtin.module(ckpt-normalize,convert-ckpt-to-plan)"
#include "compiler/Conversion/Passes.h"
#include "compiler/Pipe/Passes.h"
#include "compiler/Transforms/Passes.h"
#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Pipe/PipeDialect.h"
#include "dialect/Plan/PlanDialect.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "recast", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            registry->insert<recast::ir::ckpt::CkptDialect, recast::ir::pipe::PipeDialect,
                             recast::ir::plan::PlanDialect>();
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "recast", LLVM_VERSION_STRING, [] {
            recast::compiler::registerTransformsPasses();
            recast::compiler::registerConversionPasses();
            recast::compiler::registerPipePasses();
          }};
}
