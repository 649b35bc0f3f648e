//===- CkptInteropOps.td - the edge to programs in upstream dialects -------------------------------===//

#ifndef RECAST_DIALECT_CKPT_INTEROP_OPS_TD
#define RECAST_DIALECT_CKPT_INTEROP_OPS_TD

include "dialect/Ckpt/CkptTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ckpt_Sharding : Type<CPred<"::recast::ir::ckpt::isSharding($_self)">, "a !shard.sharding">,
                    BuildableType<"::recast::ir::ckpt::shardingType($_builder.getContext())">;

class Ckpt_InteropOp<string mnemonic>
    : Ckpt_Op<mnemonic, [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let hasCanonicalizer = 1;
}

def Ckpt_ImportOp : Ckpt_InteropOp<"import"> {
  let summary = "A tensor of an upstream program, as a checkpoint value";
  let description = [{
    `sharding` says how the tensor lies over a `shard.grid`, and `on` of the result must say the
    same, in whatever steps: axis i of the grid is axis i of the mesh.

    **Constraints:** the sharding is a `shard.sharding` without halos and with static offsets, on a
    grid of static shape; the tensors have one shape; element types are equal, except that a
    signless integer stands for a signed one; the layouts are equal.

    ```mlir
    shard.grid @grid(shape = 2x4)
    %s = shard.sharding @grid split_axes = [[1]] : !shard.sharding
    %v = ckpt.import %t sharded %s : tensor<8x6xf32>
        to !ckpt.value<tensor<8x6xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>,
                                                          steps = [#ckpt.split<["d0"] by ["tp"]>]>>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$tensor, Ckpt_Sharding:$sharding);
  let results = (outs Ckpt_ValueType:$value);
  let assemblyFormat = [{
    $tensor `sharded` $sharding attr-dict `:` type($tensor) `to` qualified(type($value))
  }];
}

def Ckpt_ExportOp : Ckpt_InteropOp<"export"> {
  let summary = "A checkpoint value, as a tensor of an upstream program";
  let description = [{
    The inverse of `ckpt.import`, with the same constraints. A layout that no sharding says (flat
    buffers, packed tensors) goes through a `ckpt.reshard` first.

    ```mlir
    %t = ckpt.export %v sharded %s
        : !ckpt.value<tensor<8x6xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>,
                                                         steps = [#ckpt.split<["d0"] by ["tp"]>]>>
        to tensor<8x6xf32>
    ```
  }];
  let arguments = (ins Ckpt_ValueType:$value, Ckpt_Sharding:$sharding);
  let results = (outs AnyStaticShapeTensor:$tensor);
  let assemblyFormat = [{
    $value `sharded` $sharding attr-dict `:` qualified(type($value)) `to` type($tensor)
  }];
}

#endif // RECAST_DIALECT_CKPT_INTEROP_OPS_TD
