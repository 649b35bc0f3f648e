//===- Passes.td - rewrites of bound ckpt IR --------------------------------------------------------===//

#ifndef RECAST_COMPILER_TRANSFORMS_PASSES_TD
#define RECAST_COMPILER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def CkptNormalize : Pass<"ckpt-normalize"> {
  let summary = "Bring every chain to the form: decode, index map, arithmetic, encode";
  let description = [{
    Casts sink below index maps (`ckpt.reshard`, `ckpt.map`, `ckpt.unmap`), which move up towards the
    loads; each use has at most one reshard, and maps that undo each other vanish. Values do not
    change: index maps move elements, casts work on each by itself. Two casts become one where the
    first rounds nothing and there is a direct one that is not the way back.

    Before:
    ```mlir
    %0 = ckpt.cast %m to bf16 : !ckpt.value<tensor<8xf32>, on = #rows>
    %1 = ckpt.reshard %0 : !ckpt.value<tensor<8xbf16>, on = #rows> to !ckpt.value<tensor<8xbf16>>
    ```
    After:
    ```mlir
    %0 = ckpt.reshard %m : !ckpt.value<tensor<8xf32>, on = #rows> to !ckpt.value<tensor<8xf32>>
    %1 = ckpt.cast %0 to bf16 : !ckpt.value<tensor<8xf32>>
    ```
    Each rewrite is a remark of the category `ckpt-normalize`; so is, as missed, each cast that stays
    before another one, with the reason.
  }];
  let dependentDialects = ["::recast::ir::ckpt::CkptDialect"];
}

def CkptExpandVarying : Pass<"ckpt-expand-varying", "::recast::ir::ckpt::FamilyOp"> {
  let summary = "Load each version of a varying value by itself";
  let description = [{
    An average becomes the mean of its versions in rank order; a select of an input becomes an input
    that lies on the ranks of that version only, with the same columns of the member table.

    Before (`#varying` has the step `varying "tp"` over two ranks):
    ```mlir
    ^bb0(%m: !ckpt.value<tensor<8xf32>, on = #varying>):
      %0 = ckpt.average %m : !ckpt.value<tensor<8xf32>, on = #varying>
    ```
    After (`#stage0` and `#stage1` have `stage "tp" at [0]` and `at [1]` instead):
    ```mlir
    ^bb0(%m: .., %a: !ckpt.value<tensor<8xf32>, on = #stage0>, %b: .. on = #stage1>):
      %0 = ckpt.reshard %a : .. to !ckpt.value<tensor<8xf32>, on = #replicated>
      %1 = ckpt.reshard %b : .. to !ckpt.value<tensor<8xf32>, on = #replicated>
      %2 = ckpt.mean %0, %1 : !ckpt.value<tensor<8xf32>, on = #replicated>
    ```
  }];
  let dependentDialects = ["::recast::ir::ckpt::CkptDialect"];
}

def CkptMergeFamilies : Pass<"ckpt-merge-families", "::mlir::ModuleOp"> {
  let summary = "Let one read feed every target";
  let description = [{
    Families of the same members that load the same stores become one: inputs with equal role, type
    and table columns are read once, the others stand side by side, and so do outputs and checks.
    Merging stops where a recipe would become longer than a plan may hold.

    Before (the tables have equal store and start columns):
    ```mlir
    ckpt.family @a roles ["master"] targets [@uni] members dense_resource<a> : tensor<3x6xi64> {
    ^bb0(%m: !f32):
      ckpt.yield %m : !f32
    }
    ckpt.family @b roles ["master"] targets [@hub] members dense_resource<b> : tensor<3x6xi64> {
    ^bb0(%m: !f32):
      %0 = ckpt.cast %m to bf16 : !f32
      ckpt.yield %0 : !bf16
    }
    ```
    After:
    ```mlir
    ckpt.family @a roles ["master"] targets [@uni, @hub]
        members dense_resource<a_1> : tensor<3x8xi64> {
    ^bb0(%m: !f32):
      %0 = ckpt.cast %m to bf16 : !f32
      ckpt.yield %m, %0 : !f32, !bf16
    }
    ```
    Each merge is a remark of the category `ckpt-merge-families` with the bytes it saves.
  }];
  let dependentDialects = ["::recast::ir::ckpt::CkptDialect"];
}

def CkptSplitTargets : Pass<"ckpt-split-targets", "::mlir::ModuleOp"> {
  let summary = "Give every target reads of its own";
  let description = [{
    The opposite of `ckpt-merge-families`, for comparison (`--no-fuse`): a family with several outputs
    becomes one family per output, each of which loads what it needs. The first keeps the checks.

    Before:
    ```mlir
    ckpt.family @a roles ["master"] targets [@uni, @hub]
        members dense_resource<a> : tensor<3x11xi64> {
    ^bb0(%m: !f32):
      %0 = ckpt.cast %m to bf16 : !f32
      ckpt.yield %m, %0 : !f32, !bf16
    }
    ```
    After:
    ```mlir
    ckpt.family @a roles ["master"] targets [@uni] members dense_resource<a_1> : tensor<3x8xi64> {
    ^bb0(%m: !f32):
      ckpt.yield %m : !f32
    }
    ckpt.family @a_0 roles ["master"] targets [@hub] members dense_resource<a_0> : tensor<3x8xi64> {
    ^bb0(%m: !f32):
      %0 = ckpt.cast %m to bf16 : !f32
      ckpt.yield %0 : !bf16
    }
    ```
  }];
  let dependentDialects = ["::recast::ir::ckpt::CkptDialect"];
}

#endif // RECAST_COMPILER_TRANSFORMS_PASSES_TD
