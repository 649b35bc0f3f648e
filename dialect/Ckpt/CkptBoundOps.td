//===- CkptBoundOps.td - families and what they compute -----------------------------------------===//

#ifndef RECAST_DIALECT_CKPT_BOUND_OPS_TD
#define RECAST_DIALECT_CKPT_BOUND_OPS_TD

include "dialect/Ckpt/CkptTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ckpt_OverflowAttr : I32EnumAttr<"Overflow", "what becomes of a finite value too large for the target", [
    I32EnumAttrCase<"Ieee", 0, "ieee">, I32EnumAttrCase<"Saturate", 1, "saturate">,
    I32EnumAttrCase<"Nan", 2, "nan">]> {
  let cppNamespace = "::recast::ir::ckpt";
}

def Ckpt_RoundingAttr : I32EnumAttr<"Rounding", "how a value between two target values is rounded", [
    I32EnumAttrCase<"NearestEven", 0, "rne">]> {
  let cppNamespace = "::recast::ir::ckpt";
}

def Ckpt_MemberTable : Attr<CPred<"::llvm::isa<::mlir::DenseResourceElementsAttr>($_self)">,
                            "a table of members in a resource blob"> {
  let storageType = "::mlir::DenseResourceElementsAttr";
  let returnType = "::mlir::DenseResourceElementsAttr";
  let convertFromStorage = "$_self";
}

def Ckpt_FamilyOp : Ckpt_Op<"family", [IsolatedFromAbove, Symbol, SingleBlock]> {
  let summary = "One recipe, many members";
  let description = [{
    The region says what becomes of one member; the block arguments are its inputs, the yielded
    values its outputs. What differs between members stands in `members`, one row of 64-bit
    integers each, in a resource blob:

    | columns | meaning |
    |---|---|
    | 1 | string id of the logical name |
    | 4 per input | store (-1: a value whose bits are the next column), flat start, group total, part of a packed layout |
    | 3 per output | string id of the name in the target, string id of the role, part |

    **Constraints:** as many `roles` as block arguments, as many `targets` as yielded values; all
    values of one shape, but for inputs of f64 without dimensions that the table holds the bits of
    (store -1): the scalars of `ckpt.extrapolate`; the table has 1 + 4 x inputs + 3 x outputs columns, at least one row, and
    every row is in range.

    ```mlir
    ckpt.family @keep roles ["weight"] targets [@hub]
        members dense_resource<keep> : tensor<3x8xi64> {
    ^bb0(%w: !ckpt.value<tensor<8xbf16>>):
      ckpt.yield %w : !ckpt.value<tensor<8xbf16>>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$roles,
                       FlatSymbolRefArrayAttr:$targets, Ckpt_MemberTable:$members);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `roles` $roles `targets` $targets `members` $members attr-dict-with-keyword $body
  }];
  let skipDefaultBuilders = 1;
  let builders = [
    /// Makes the block with one argument per input type; the caller fills it and ends it in a yield.
    OpBuilder<(ins "::llvm::StringRef":$name, "::llvm::ArrayRef<::llvm::StringRef>":$roles,
                   "::llvm::ArrayRef<::llvm::StringRef>":$targets,
                   "::mlir::DenseResourceElementsAttr":$members, "::mlir::TypeRange":$inputs)>];
  let extraClassDeclaration = [{
    ::mlir::Block &getBlock() { return getBody().front(); }
    ::mlir::Block::BlockArgListType getInputs() { return getBlock().getArguments(); }
    YieldOp getYield();
    /// The logical shape of every member.
    ::llvm::ArrayRef<int64_t> getShape();
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Ckpt_YieldOp : Ckpt_Op<"yield", [Terminator, Pure, ParentOneOf<["FamilyOp", "RoleOp"]>]> {
  let summary = "What a family or a rule results in";
  let description = [{
    Example: `ckpt.yield %w, %m : !ckpt.value<tensor<8xbf16>>, !ckpt.value<tensor<8xf32>>`
  }];
  let arguments = (ins Variadic<AnyTypeOf<[Ckpt_ValueType, Ckpt_StateType]>>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Ckpt_MapOp : Ckpt_Op<"map", [Pure]> {
  let summary = "Logical tensors, packed into one stored tensor";
  let description = [{
    A pure index map: no value changes, and it fuses into addressing.

    **Constraints:** one operand per part of the axes; all of one element type; every part has the
    extents of its axes, the result those of the stored tensor. The result has no `on`: a reshard
    says where it lies.

    ```mlir
    %f = ckpt.map %q, %k : !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>
        to !ckpt.value<tensor<8x4xf32>> by #ckpt.axes<"((g r) + g) h", {g = 2, r = 3, h = 4}>
    ```
  }];
  let arguments = (ins Variadic<Ckpt_ValueType>:$parts, Ckpt_AxesAttr:$axes);
  let results = (outs Ckpt_ValueType:$result);
  let assemblyFormat = [{
    $parts attr-dict `:` type($parts) `to` qualified(type($result)) `by` qualified($axes)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Ckpt_UnmapOp : Ckpt_Op<"unmap", [Pure]> {
  let summary = "One stored tensor, taken apart into its logical tensors";
  let description = [{
    The inverse of `ckpt.map` with the same axes.

    ```mlir
    %q, %k = ckpt.unmap %f : !ckpt.value<tensor<8x4xf32>>
        to !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>
        by #ckpt.axes<"((g r) + g) h", {g = 2, r = 3, h = 4}>
    ```
  }];
  let arguments = (ins Ckpt_ValueType:$input, Ckpt_AxesAttr:$axes);
  let results = (outs Variadic<Ckpt_ValueType>:$parts);
  let assemblyFormat = [{
    $input attr-dict `:` qualified(type($input)) `to` type($parts) `by` qualified($axes)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Ckpt_ReshardOp : Ckpt_Op<"reshard", [Pure]> {
  let summary = "The same values on another layout";
  let description = [{
    **Constraints:** the tensor types are equal; only `on` may differ; the values are the same on all
    ranks (no `varying` step).

    ```mlir
    %1 = ckpt.reshard %0 : !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp"], [2]>,
        steps = [#ckpt.chunk<0 by "dp">]>> to !ckpt.value<tensor<8xf32>>
    ```
  }];
  let arguments = (ins Ckpt_ValueType:$input);
  let results = (outs Ckpt_ValueType:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input)) `to` qualified(type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Ckpt_CastOp : Ckpt_Op<"cast", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "Another element type, each element rounded once";
  let description = [{
    Changes the element type only. On `!ckpt.state` it is a rule, on `!ckpt.value` a computation.
    `round` is round to nearest, ties to even. `overflow` says what a finite value too large for the
    target becomes: `ieee` (infinity; the default where the target has infinities), `saturate`
    (largest finite value) or `nan`.

    A cast to the operand's own type folds away, and one that rounds nothing does before another
    cast; a cast that rounds never does, and one to a wider type and back makes signalling NaNs
    quiet.

    **Constraints:** a cast to a type of 8 bits or fewer says what overflow does, and one to a type
    without infinities does not say `ieee`; the pair of types has a cast.

    Examples:
    ```mlir
    %1 = ckpt.cast %0 to bf16 : !ckpt.value<tensor<8xf32>>
    %2 = ckpt.cast %0 to f8E4M3FN overflow saturate : !ckpt.value<tensor<8xf32>>
    %3 = ckpt.cast %x to bf16 : !ckpt.state
    ```
  }];
  let arguments = (ins AnyTypeOf<[Ckpt_ValueType, Ckpt_StateType]>:$input, TypeAttr:$to,
                       DefaultValuedAttr<Ckpt_RoundingAttr, "Rounding::NearestEven">:$round,
                       OptionalAttr<Ckpt_OverflowAttr>:$overflow);
  let results = (outs AnyTypeOf<[Ckpt_ValueType, Ckpt_StateType]>:$result);
  let assemblyFormat = [{
    $input `to` $to (`round` $round^)? (`overflow` $overflow^)? attr-dict `:` qualified(type($input))
  }];
  let skipDefaultBuilders = 1;
  let builders = [ // Without `overflow`: ieee, spelled out where it must be.
    OpBuilder<(ins "::mlir::Value":$input, "::mlir::Type":$to,
                   CArg<"std::optional<Overflow>", "std::nullopt">:$overflow)>,
    OpBuilder<(ins "::mlir::Value":$input, "::recast::DType":$to,
                   CArg<"std::optional<Overflow>", "std::nullopt">:$overflow)>];
  let extraClassDeclaration = [{
    ::recast::DType getTargetDType();
    /// What the recipe of this cast says; `ieee` where nothing is written.
    ::recast::recipe::Overflow getRecipeOverflow();
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Ckpt_CheckEqualOp : Ckpt_Op<"check_equal", [SameTypeOperands,
                                                MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "An armed check: two values are equal, bit for bit, where bytes stream by anyway";
  let description = [{
    Two NaNs of any payload are equal. It has an effect (a conversion stops where it fails), so it
    is neither erased nor merged with another.

    Example: `ckpt.check_equal %a, %b : !ckpt.value<tensor<8xbf16>>`
  }];
  let arguments = (ins Ckpt_ValueType:$lhs, Ckpt_ValueType:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` qualified(type($lhs))";
}

#endif // RECAST_DIALECT_CKPT_BOUND_OPS_TD
