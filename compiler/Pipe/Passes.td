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

def CheckSchedules : Pass<"check-schedules", "::mlir::ModuleOp"> {
  let summary = "Prove explicit lists of pipeline schedules, or refute them";
  let description = [{
    Every `pipe.lists` is checked (coverage, order across stages, sends and receives, updates, weight
    versions); each finding is a diagnostic on the op that begins with its code. `pipe.schedule` ops
    are to be expanded first. `channel-depth` bounds the sends under way from one rank to another (0:
    a send waits for its receive), `activations` what a rank may keep.

    Example of a finding: `[missing-action] stage 0 (rank 0) has no F of microbatch 1`
  }];
  let options = [
    Option<"channelDepth", "channel-depth", "int64_t", "-1", "Sends under way; -1: any number">,
    Option<"activations", "activations", "int64_t", "-1", "Most that a rank keeps; -1: any number">
  ];
  let dependentDialects = ["::recast::ir::pipe::PipeDialect"];
}

#endif // RECAST_COMPILER_PIPE_PASSES_TD
