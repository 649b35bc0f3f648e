//===- Passes.td - pipeline schedules: declared to explicit, and their proofs ----------------------===//

#ifndef RECAST_COMPILER_PIPE_PASSES_TD
#define RECAST_COMPILER_PIPE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandSchedules : Pass<"expand-schedules", "::mlir::ModuleOp"> {
  let summary = "Make explicit lists of declared pipeline schedules";
  let description = [{
    Every `pipe.schedule` becomes the `pipe.lists` that it stands for, under the same name; costs and
    the assignment of layers are dropped. A kind that does not exist for the numbers is an error.

    Before:
    ```mlir
    pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 2 : i64>,
                           #ckpt.arg<"schedule", "1f1b">]
    ```
    After:
    ```mlir
    pipe.lists @p kind "1f1b" microbatches 2 rank_of [0, 1]
        actions ["0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1"]
    ```
  }];
  let dependentDialects = ["::recast::ir::pipe::PipeDialect"];
}

#endif // RECAST_COMPILER_PIPE_PASSES_TD
