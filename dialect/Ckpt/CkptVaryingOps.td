//===- CkptVaryingOps.td - the ways out of values that differ between ranks ------------------------===//

#ifndef RECAST_DIALECT_CKPT_VARYING_OPS_TD
#define RECAST_DIALECT_CKPT_VARYING_OPS_TD

include "dialect/Ckpt/CkptTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ckpt_SelectOp : Ckpt_Op<"select", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "The version of one coordinate, of a value that differs along a mesh axis";
  let description = [{
    The result is where that version is: `varying` becomes `stage ... at` the coordinate. On
    `!ckpt.state` it is a rule, on `!ckpt.value` a computation.

    **Constraints:** the operand varies along the axis; the coordinate is one of the mesh.

    ```mlir
    %0 = ckpt.select %x at "dp" = 0 : !ckpt.state
    #varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
    %1 = ckpt.select %0 at "tp" = 1 : !ckpt.value<tensor<8xf32>, on = #varying>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Ckpt_ValueType, Ckpt_StateType]>:$input, StrAttr:$axis,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$coordinate);
  let results = (outs AnyTypeOf<[Ckpt_ValueType, Ckpt_StateType]>:$result);
  let assemblyFormat = [{
    $input `at` $axis `=` $coordinate attr-dict `:` qualified(type($input))
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Ckpt_AverageOp : Ckpt_Op<"average", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "The mean of all versions of a value that differs between ranks";
  let description = [{
    As `ckpt.mean` of the versions in rank order. The result is the same on all coordinates of the
    axes along which the operand varies. To average over some of them, `ckpt.select` the others
    first. On `!ckpt.state` it is a rule, on `!ckpt.value` a computation.

    **Constraints:** the operand varies; its element type is a float.

    ```mlir
    %0 = ckpt.average %x : !ckpt.state
    #varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
    %1 = ckpt.average %0 : !ckpt.value<tensor<8xf32>, on = #varying>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Ckpt_ValueType, Ckpt_StateType]>:$input);
  let results = (outs AnyTypeOf<[Ckpt_ValueType, Ckpt_StateType]>:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input))";
  let hasVerifier = 1;
}

def Ckpt_MeanOp : Ckpt_Op<"mean", [Pure, SameOperandsAndResultType]> {
  let summary = "The mean of values, element by element";
  let description = [{
    Operands are converted to f64, added in their order, divided by their number and rounded once.

    **Constraints:** at least one operand; the element type is a float.

    Example: `%2 = ckpt.mean %0, %1 : !ckpt.value<tensor<8xf32>>`
  }];
  let arguments = (ins Variadic<Ckpt_ValueType>:$values);
  let results = (outs Ckpt_ValueType:$result);
  let assemblyFormat = "$values attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
}

#endif // RECAST_DIALECT_CKPT_VARYING_OPS_TD
