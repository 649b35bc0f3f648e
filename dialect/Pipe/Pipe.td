//===- Pipe.td - the pipe dialect: pipeline schedules -----------------------------------------===//

#ifndef RECAST_DIALECT_PIPE_TD
#define RECAST_DIALECT_PIPE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

def Pipe_Dialect : Dialect {
  let name = "pipe";
  let cppNamespace = "::recast::ir::pipe";
  let summary = "Pipeline schedules: declared, then as explicit lists of actions";
  let description = [{
    `pipe.schedule` declares a schedule as the language does. `--expand-schedules` makes `pipe.lists`
    of it: what every rank does, in order. Everything that checks, measures or exchanges schedules
    works on lists, so that imported ones get all of it too. Lists are text, one string per rank,
    never an op per action.

    ```mlir
    pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 2 : i64>,
                           #ckpt.arg<"schedule", "1f1b">]
    pipe.lists @q kind "1f1b" microbatches 2 rank_of [0, 1]
        actions ["0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1"]
    ```
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::recast::ir::ckpt::CkptDialect"];
}

def Pipe_AssignAttr : AttrDef<Pipe_Dialect, "Assign"> {
  let mnemonic = "assign";
  let summary = "Which stage owns the tensors of some names";
  let description = [{
    Names are patterns, paths `#ckpt.path`s of a model. `how` is `uniform`, `by_cost(params)`,
    `first`, `last` or `stage(n)`, as a word or a call of the ckpt dialect.

    **Constraints:** a name or a path; `how` is one of these.

    Example: `#pipe.assign<["embed.*"] at [] to #ckpt.word<"first">>`
  }];
  let parameters = (ins "::mlir::ArrayAttr":$names, "::mlir::ArrayAttr":$paths,
                        "::mlir::Attribute":$how);
  let assemblyFormat = "`<` $names `at` $paths `to` $how `>`";
  let genVerifyDecl = 1;
}

class Pipe_Op<string mnemonic, list<Trait> traits = []>
    : Op<Pipe_Dialect, mnemonic, !listconcat(traits, [Symbol, HasParent<"::mlir::ModuleOp">])>;

def Pipe_ScheduleOp : Pipe_Op<"schedule"> {
  let summary = "A pipeline schedule as it is declared";
  let description = [{
    `args` are the attributes that the language has, in its order and with its values: `ranks`,
    `chunks`, `microbatches`, `group`: numbers; `schedule`: a kind; `update`: `flush` or `every(n)`;
    `weights`: `latest`, `stash`, `double_buffer` or `predict(optimizer, s = ..)`; `cost`: times by
    name; `ties`: `synced` where the training program keeps tied weights equal at every update; or,
    of lists that were written out, `actions` (a text per rank) and `rank_of` (by stage): `schedule`
    and `chunks` then agree with them.

    **Constraints:** names are known and stand once; numbers are at least 1; `ranks` and
    `microbatches` are there, and `schedule` or `actions`; `actions` and `rank_of` come together,
    without `group`.

    ```mlir
    pipe.schedule @p args [#ckpt.arg<"ranks", 4 : i64>, #ckpt.arg<"microbatches", 8 : i64>,
                           #ckpt.arg<"schedule", #ckpt.word<"gpipe">>]
        assign [#pipe.assign<["*"] at [] to #ckpt.word<"uniform">>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ArrayAttr:$args,
                       OptionalAttr<TypedArrayAttrBase<Pipe_AssignAttr, "array of #pipe.assign">>:$assign);
  let assemblyFormat = "$sym_name `args` $args (`assign` $assign^)? attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The value of an argument, or null.
    ::mlir::Attribute getArg(::llvm::StringRef name);
    /// The number of an argument, or `otherwise` where it is not there.
    int64_t getNumber(::llvm::StringRef name, int64_t otherwise);
  }];
}

def Pipe_ListsOp : Pipe_Op<"lists"> {
  let summary = "A pipeline schedule as explicit lists";
  let description = [{
    What every rank does, in order: a string per rank, actions with blanks between, each written as
    PyTorch writes it (`0F0`, `1RECV_F0`, `(0F7;7B3)OVERLAP_F_B`; `0OPT`, `0STASH@1`, `0PREDICT3@2`,
    `0RESTORE@1` in the same manner). `update`: microbatches per optimizer step, none: one step
    after all of them. `weights`: which version of the weights passes see, none: the latest.

    **Constraints:** a string for every rank that `rank_of` names, and no other; `microbatches` and
    `update` are at least 1.

    ```mlir
    pipe.lists @p kind "gpipe" microbatches 2 rank_of [0, 1]
        actions ["0F0 0F1 0B0 0B1", "1F0 1F1 1B0 1B1"]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kind, I64Attr:$microbatches,
                       OptionalAttr<I64Attr>:$update, OptionalAttr<AnyAttr>:$weights,
                       DenseI32ArrayAttr:$rank_of, StrArrayAttr:$actions);
  let assemblyFormat = [{
    $sym_name `kind` $kind `microbatches` $microbatches (`update` $update^)? (`weights` $weights^)?
    `rank_of` $rank_of `actions` $actions attr-dict
  }];
  let hasVerifier = 1;
}

#endif // RECAST_DIALECT_PIPE_TD
