//===- CkptDeclaredOps.td - a specification, one op per statement ---------------------------------===//

#ifndef RECAST_DIALECT_CKPT_DECLARED_OPS_TD
#define RECAST_DIALECT_CKPT_DECLARED_OPS_TD

include "dialect/Ckpt/CkptModelOps.td"

/// Tensors of the models of a job's ends.
def Ckpt_Paths : TypedArrayAttrBase<Ckpt_PathAttr, "array of #ckpt.path">;

class Ckpt_EndpointOp<string mnemonic>
    : Ckpt_Op<mnemonic, [Symbol, HasParent<"::mlir::ModuleOp">,
                         DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$format,
                       ArrayAttr:$args,
                       OptionalAttr<TypedArrayAttrBase<Ckpt_SameAttr, "array of #ckpt.same">>:$same,
                       OptionalAttr<FlatSymbolRefAttr>:$view, OptionalAttr<Ckpt_ExprAttr>:$model,
                       OptionalAttr<Ckpt_MeshAttr>:$mesh, OptionalAttr<StrArrayAttr>:$replicated,
                       OptionalAttr<FlatSymbolRefAttr>:$stages);
  let assemblyFormat = [{
    $sym_name `format` $format `args` $args (`same` $same^)? (`as` $view^ `model` $model)?
    (`on` qualified($mesh)^)?
    (`replicated` $replicated^)? (`stages` $stages^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Ckpt_SourceOp : Ckpt_EndpointOp<"source"> {
  let summary = "A checkpoint to read";
  let description = [{
    `args` are the format's arguments, positional ones first, named ones as `#ckpt.arg`. `same` says
    which layout the stored tensors have (none: the files say it); `on` is their mesh, and every
    axis of it that no step uses is listed as `replicated`. With `as`, names are those of a view
    whose model is applied to arguments.

    Example: `ckpt.source @run format "deepspeed" args ["runs/z3"]`
  }];
}

def Ckpt_TargetOp : Ckpt_EndpointOp<"target"> {
  let summary = "A checkpoint to write";
  let description = [{
    As `ckpt.source`; without `same` rules tensors are written whole, or as the format lays them
    out. `stages` names a pipeline (of the pipe dialect): each of its ranks holds the tensors of its
    stages.

    ```mlir
    ckpt.target @new format "deepspeed" args ["runs/tp4", #ckpt.arg<"zero", 1 : i64>]
        same [#ckpt.same<"*.qkv.weight", [#ckpt.split<["d0"] by ["tp"]>]>]
        on #ckpt.mesh<["dp", "tp"], [2, 4]>
    ```
  }];
}

def Ckpt_JobOp : Ckpt_Op<"job", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator,
                                 NoRegionArguments, HasParent<"::mlir::ModuleOp">,
                                 DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "From one source to its targets";
  let description = [{
    The region holds the statements. A statement with `for` holds for those targets, one without for
    all of them.

    **Constraints:** `from` names a `ckpt.source`, `to` distinct `ckpt.target`s; a `for` names
    targets of the job.

    ```mlir
    ckpt.job @job "convert" from @run to [@hub] {
      ckpt.role ["weight"] from "master" {
      ^bb0(%x: !ckpt.state):
        %0 = ckpt.cast %x to bf16 : !ckpt.state
        ckpt.yield %0 : !ckpt.state
      }
      ckpt.drop ["exp_avg", "exp_avg_sq", "step"] for [@hub]
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$verb, FlatSymbolRefAttr:$source,
                       FlatSymbolRefArrayAttr:$targets);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name $verb `from` $source `to` $targets attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

class Ckpt_StatementOp<string mnemonic, list<Trait> traits = []>
    : Ckpt_Op<mnemonic, !listconcat([HasParent<"JobOp">], traits)>;

/// `{ROLES | else} [in GLOBS]`
class Ckpt_SelectionOp<string mnemonic, list<Trait> traits = []>
    : Ckpt_StatementOp<mnemonic, traits> {
  let hasVerifier = 1;
}

def Ckpt_RoleOp : Ckpt_SelectionOp<"role", [IsolatedFromAbove, SingleBlock]> {
  let summary = "What becomes of the members of some roles";
  let description = [{
    Selects members by role (or `else`: all that no other statement mentions) and by name (`in`).
    The region's argument is their state; with `from` it is the state of another role of the same
    name, where there is one. The region's result is what the target holds; yielding the argument
    keeps it.

    **Constraints:** roles or `else`, not both; the region has one argument and yields one value.

    ```mlir
    ckpt.role ["weight"] in ["*.qkv.weight"] from "master" for [@hub] {
    ^bb0(%x: !ckpt.state):
      %0 = ckpt.cast %x to bf16 : !ckpt.state
      ckpt.yield %0 : !ckpt.state
    }
    ckpt.role else {
    ^bb0(%x: !ckpt.state):
      ckpt.yield %x : !ckpt.state
    }
    ```
  }];
  let arguments = (ins OptionalAttr<StrArrayAttr>:$roles, UnitAttr:$is_else,
                       OptionalAttr<StrArrayAttr>:$names, OptionalAttr<Ckpt_Paths>:$paths,
                       OptionalAttr<StrAttr>:$from,
                       OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`else` $is_else^)? ($roles^)? (`in` $names^)? (`at` $paths^)? (`from` $from^)?
    (`for` $targets^)? attr-dict-with-keyword $body
  }];
  let extraClassDeclaration = [{
    ::mlir::Block &getBlock() { return getBody().front(); }
    ::mlir::BlockArgument getState() { return getBlock().getArgument(0); }
    YieldOp getYield();
  }];
  let hasRegionVerifier = 1;
}

def Ckpt_DropOp : Ckpt_SelectionOp<"drop"> {
  let summary = "Members that are left out on purpose";
  let description = [{
    **Constraints:** roles or `else`, not both.

    Example: `ckpt.drop ["exp_avg", "exp_avg_sq"] in ["*.bias"] for [@hub]`
  }];
  let arguments = (ins OptionalAttr<StrArrayAttr>:$roles, UnitAttr:$is_else,
                       OptionalAttr<StrArrayAttr>:$names, OptionalAttr<Ckpt_Paths>:$paths,
                       OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = [{
    (`else` $is_else^)? ($roles^)? (`in` $names^)? (`at` $paths^)? (`for` $targets^)? attr-dict
  }];
}

def Ckpt_OnlyOp : Ckpt_StatementOp<"only"> {
  let summary = "The tensors that a job speaks of; the others are left out";
  let description = [{
    **Constraints:** at least one pattern or path.

    Example: `ckpt.only ["model.layers.*"]`
  }];
  let arguments = (ins OptionalAttr<StrArrayAttr>:$names, OptionalAttr<Ckpt_Paths>:$paths,
                       OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = "($names^)? (`at` $paths^)? (`for` $targets^)? attr-dict";
  let hasVerifier = 1;
}

def Ckpt_InitOp : Ckpt_StatementOp<"init"> {
  let summary = "A value for the elements of a target that have no source";
  let description = [{
    As for a vocabulary that has grown, or a bias that the source does not have.

    **Constraints:** at least one role; the value is an i64 or an f64.

    Example: `ckpt.init ["weight"] at [#ckpt.path<#ckpt.segment<name = "embed">>] with 0 : i64`
  }];
  let arguments = (ins StrArrayAttr:$roles, OptionalAttr<StrArrayAttr>:$names,
                       OptionalAttr<Ckpt_Paths>:$paths, Ckpt_ExprAttr:$value,
                       OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = [{
    $roles (`in` $names^)? (`at` $paths^)? `with` $value (`for` $targets^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Ckpt_ObjectPolicyAttr : I32EnumAttr<"ObjectPolicy", "what becomes of an object", [
    I32EnumAttrCase<"Keep", 0, "keep">, I32EnumAttrCase<"Drop", 1, "drop">, I32EnumAttrCase<"Set", 2, "set">,
    I32EnumAttrCase<"Merge", 3, "merge">, I32EnumAttrCase<"PerRank", 4, "per_rank">,
    I32EnumAttrCase<"ByName", 5, "by_name">]> {
  let cppNamespace = "::recast::ir::ckpt";
}

def Ckpt_ObjectsOp : Ckpt_StatementOp<"objects"> {
  let summary = "What becomes of the objects with some keys";
  let description = [{
    `keep`, `drop`, `set` to a value, `merge` (equal on all ranks, else refused), `per_rank`, or
    `by_name` (hyper-parameters travel with tensors and are grouped anew).

    **Constraints:** keys or `else`, not both; a value exactly with `set`.

    Examples: `ckpt.objects ["param_groups"] by_name`, `ckpt.objects else drop for [@hub]`,
    `ckpt.objects ["args.tensor_model_parallel_size"] set 4 : i64`
  }];
  let arguments = (ins OptionalAttr<StrArrayAttr>:$keys, UnitAttr:$is_else,
                       Ckpt_ObjectPolicyAttr:$policy, OptionalAttr<Ckpt_ExprAttr>:$value,
                       OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = [{
    (`else` $is_else^)? ($keys^)? $policy ($value^)? (`for` $targets^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Ckpt_FilesOp : Ckpt_StatementOp<"files"> {
  let summary = "Side files that are copied beside the tensors";
  let description = [{
    **Constraints:** at least one pattern.

    Example: `ckpt.files ["config.json", "tokenizer*"] from "runs/z3" for [@hub]`
  }];
  let arguments = (ins StrArrayAttr:$names, StrAttr:$from,
                       OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = "$names `from` $from (`for` $targets^)? attr-dict";
  let hasVerifier = 1;
}

def Ckpt_ExpectOp : Ckpt_StatementOp<"expect"> {
  let summary = "A condition that is refused before anything is read in bulk";
  let description = [{
    ```mlir
    ckpt.expect #ckpt.binary<"==", #ckpt.member<#ckpt.word<"old">, "zero">, 3 : i64>
    ```
  }];
  let arguments = (ins Ckpt_ExprAttr:$condition, OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = "$condition (`for` $targets^)? attr-dict";
}

def Ckpt_CheckOp : Ckpt_StatementOp<"check"> {
  let summary = "A condition that is verified while bytes stream by";
  let description = [{
    `otherwise` names what is done with members for which it does not hold; without it the job
    fails.

    ```mlir
    ckpt.check #ckpt.binary<"==", #ckpt.word<"weight">, #ckpt.member<#ckpt.word<"old">, "weight">>
    ```
  }];
  let arguments = (ins Ckpt_ExprAttr:$condition, OptionalAttr<StrAttr>:$otherwise,
                       OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = "$condition (`otherwise` $otherwise^)? (`for` $targets^)? attr-dict";
}

def Ckpt_DeadlineOp : Ckpt_StatementOp<"deadline", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "What a pipeline needs first is read first";
  let description = [{
    Weights by the first forward of their stage, what the optimizer needs by its first step.

    **Constraints:** names a pipeline of the pipe dialect.

    Example: `ckpt.deadline @p`
  }];
  let arguments = (ins FlatSymbolRefAttr:$pipeline, OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = "$pipeline (`for` $targets^)? attr-dict";
}

def Ckpt_BudgetOp : Ckpt_StatementOp<"budget"> {
  let summary = "Bytes of memory that a rank may use";
  let description = [{
    **Constraints:** at least 1.

    Example: `ckpt.budget #ckpt.size<536870912>`
  }];
  let arguments = (ins Ckpt_SizeAttr:$size, OptionalAttr<FlatSymbolRefArrayAttr>:$targets);
  let assemblyFormat = "qualified($size) (`for` $targets^)? attr-dict";
  let hasVerifier = 1;
}

#endif // RECAST_DIALECT_CKPT_DECLARED_OPS_TD
