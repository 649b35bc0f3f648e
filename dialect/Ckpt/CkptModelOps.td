//===- CkptModelOps.td - models and views ---------------------------------------------------------===//

#ifndef RECAST_DIALECT_CKPT_MODEL_OPS_TD
#define RECAST_DIALECT_CKPT_MODEL_OPS_TD

include "dialect/Ckpt/CkptBoundOps.td"
include "dialect/Ckpt/CkptPathAttrs.td"

def Ckpt_ExprAttr : Attr<CPred<"::recast::ir::ckpt::isExpr($_self)">, "an expression"> {
  let storageType = "::mlir::Attribute";
  let returnType = "::mlir::Attribute";
  let convertFromStorage = "$_self";
}

def Ckpt_ModelOp : Ckpt_Op<"model", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator,
                                     NoRegionArguments, HasParent<"::mlir::ModuleOp">]> {
  let summary = "Which logical tensors exist";
  let description = [{
    Named dimensions, then tensors and groups of tensors. Sizes are expressions over `params` (a
    configuration, for one), which an endpoint gives when it applies the model.

    ```mlir
    ckpt.model @tiny params ["c"] {
      ckpt.dim "h" = #ckpt.member<#ckpt.word<"c">, "hidden_size">
      ckpt.dim "L" = #ckpt.member<#ckpt.word<"c">, "num_hidden_layers">
      ckpt.group "layer" index "l" below #ckpt.word<"L"> {
        ckpt.tensor "w" axes ["h"]
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$params);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `params` $params attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Ckpt_DimOp : Ckpt_Op<"dim", [HasParent<"ModelOp">]> {
  let summary = "A named dimension of a model";
  let description = [{
    Example: `ckpt.dim "f" = #ckpt.member<#ckpt.word<"c">, "intermediate_size">`
  }];
  let arguments = (ins StrAttr:$name, Ckpt_ExprAttr:$size);
  let assemblyFormat = "$name `=` $size attr-dict";
}

def Ckpt_GroupOp : Ckpt_Op<"group", [ParentOneOf<["ModelOp", "GroupOp"]>, SingleBlock, NoTerminator,
                                     NoRegionArguments]> {
  let summary = "Tensors that exist once per index";
  let description = [{
    Example: `ckpt.group "layer" index "l" below #ckpt.word<"L"> { ckpt.tensor "w" axes ["h"] }`
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$index, Ckpt_ExprAttr:$below);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name `index` $index `below` $below attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Ckpt_TensorOp : Ckpt_Op<"tensor", [ParentOneOf<["ModelOp", "GroupOp"]>]> {
  let summary = "A logical tensor of a model";
  let description = [{
    `axes`: one text per dimension, the named dimensions that it is the product of. `tied`: an alias
    of another tensor (`when` says where). `if`: where the tensor exists.

    ```mlir
    ckpt.tensor "q" axes ["g r d", "h"]
    ckpt.tensor "head" axes ["V", "h"] tied #ckpt.path<#ckpt.segment<name = "embed">>
        when #ckpt.member<#ckpt.word<"c">, "tie_word_embeddings">
    ```
  }];
  let arguments = (ins StrAttr:$name, StrArrayAttr:$axes, OptionalAttr<Ckpt_PathAttr>:$tied,
                       OptionalAttr<Ckpt_ExprAttr>:$when, OptionalAttr<Ckpt_ExprAttr>:$condition);
  let assemblyFormat = [{
    $name `axes` $axes (`tied` qualified($tied)^)? (`when` $when^)? (`if` $condition^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Ckpt_ViewOp : Ckpt_Op<"view", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator,
                                   NoRegionArguments, HasParent<"::mlir::ModuleOp">,
                                   DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "How one framework names and lays out the tensors of a model";
  let description = [{
    A lossless bijection: every tensor of the model is stored, and every stored element is an element
    of one of them. Proved when a job is bound, with a witness if it does not hold.

    ```mlir
    ckpt.view @hf of @tiny over ["tp"] {
      ckpt.rule #ckpt.path<#ckpt.segment<name = "layer", index = "l">, #ckpt.segment<name = "w">>
          stored "layers.{l}.weight"
      ckpt.ignore "rotary.inv_freq"
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$model, StrArrayAttr:$over);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `of` $model `over` $over attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Ckpt_RuleOp : Ckpt_Op<"rule", [HasParent<"ViewOp">]> {
  let summary = "Where a view stores tensors of its model";
  let description = [{
    `map` says how they make up the stored tensor (none: the tensor as it is), `steps` how that lies
    over the mesh. Captures in `stored` stand for the indices of the path.

    **Constraints:** a stored name; steps are layout steps.

    ```mlir
    ckpt.rule #ckpt.path<#ckpt.segment<name = "layer", index = "l">, #ckpt.segment<members = ["q", "k"]>>
        stored "layers.{l}.qk.weight" map "((g r) + g) h" steps [#ckpt.split<["g"] by ["tp"]>]
    ```
  }];
  let arguments = (ins Ckpt_PathAttr:$path, StrAttr:$stored, OptionalAttr<StrAttr>:$map,
                       OptionalAttr<ArrayAttr>:$steps, OptionalAttr<Ckpt_ExprAttr>:$condition);
  let assemblyFormat = [{
    qualified($path) `stored` $stored (`map` $map^)? (`steps` $steps^)? (`if` $condition^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Ckpt_IgnoreOp : Ckpt_Op<"ignore", [HasParent<"ViewOp">]> {
  let summary = "Stored tensors that can be computed again";
  let description = [{
    Example: `ckpt.ignore "model.layers.*.rotary_emb.inv_freq"`
  }];
  let arguments = (ins StrAttr:$names);
  let assemblyFormat = "$names attr-dict";
}

#endif // RECAST_DIALECT_CKPT_MODEL_OPS_TD
