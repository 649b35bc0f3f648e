//===- Passes.td - from bound ckpt IR to the plan dialect ---------------------------------------------===//

#ifndef RECAST_COMPILER_CONVERSION_PASSES_TD
#define RECAST_COMPILER_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertCkptToPlan : Pass<"convert-ckpt-to-plan", "::mlir::ModuleOp"> {
  let summary = "Turn every family into a recipe, layouts and a member table";
  let description = [{
    The region of a `ckpt.family` becomes a recipe: loads of the arguments that are used, casts,
    checks, and one store per yielded value. Reshards vanish: a plan's input has the layout of the
    block argument, its output that of the yielded value, and what lies between is addressing. The
    module holds the plan's tables already; layouts that are missing are added.

    Before:
    ```mlir
    plan.layout "whole"
    plan.target "hub" format "safetensors" path "/out" tag ""
    ckpt.family @w roles ["master"] targets [@hub] members dense_resource<w> : tensor<3x6xi64> {
    ^bb0(%m: !ckpt.value<tensor<8xf32>, on = #rows>):
      %0 = ckpt.reshard %m : !ckpt.value<tensor<8xf32>, on = #rows> to !ckpt.value<tensor<8xf32>>
      %1 = ckpt.cast %0 to bf16 : !ckpt.value<tensor<8xf32>>
      ckpt.yield %1 : !ckpt.value<tensor<8xbf16>>
    }
    ```
    After:
    ```mlir
    plan.layout "whole"
    plan.layout "on (dp = 2) flat dp per param"
    plan.target "hub" format "safetensors" path "/out" tag ""
    plan.family @w shape [8] inputs [f32 layout 1] outputs [bf16 layout 0 target 0]
        recipe "load 0 f32; cast %0 bf16; store %1 0" members dense_resource<w> : tensor<3x6xi64>
    ```
    What a recipe cannot say (a map between load and store) is an error that names the operation.
  }];
  let dependentDialects = ["::recast::ir::ckpt::CkptDialect", "::recast::ir::plan::PlanDialect"];
}

#endif // RECAST_COMPILER_CONVERSION_PASSES_TD
