//===- CkptTypes.td - values, states, objects ---------------------------------------------------===//

#ifndef RECAST_DIALECT_CKPT_TYPES_TD
#define RECAST_DIALECT_CKPT_TYPES_TD

include "dialect/Ckpt/CkptAttrs.td"

def Ckpt_ValueType : Ckpt_Type<"Value", "value"> {
  let summary = "A tensor of a checkpoint, seen globally, and how it lies over a mesh";
  let description = [{
    `tensor` is the whole tensor. `on` says how it lies over the ranks; without it the tensor is
    whole on one rank. Where the axes of `on` pack several logical tensors into one stored tensor,
    `tensor` is the stored tensor, or one of its parts; which one, a family's member table says.

    This is not a tensor with an encoding, on purpose: upstream operations do not check encodings,
    so nearly any of them would be a silent reshard.

    **Constraints:** static shape, no encoding, an element type that checkpoints store (see
    `dtypeOf`); `on` is right for the shape.

    Example: `!ckpt.value<tensor<67x32xf32>, on = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>>`
  }];
  let parameters = (ins "::mlir::RankedTensorType":$tensor,
                        OptionalParameter<"::recast::ir::ckpt::LayoutAttr">:$on);
  let assemblyFormat = "`<` $tensor (`,` `on` `=` qualified($on)^)? `>`";
  let builders = [
    TypeBuilderWithInferredContext<(ins "::mlir::RankedTensorType":$tensor,
                                        CArg<"::recast::ir::ckpt::LayoutAttr", "{}">:$on), [{
      return $_get(tensor.getContext(), tensor, on);
    }]>,
    TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$shape, "::recast::DType":$dtype,
                     CArg<"::recast::ir::ckpt::LayoutAttr", "{}">:$on)>];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<int64_t> getShape() const { return getTensor().getShape(); }
    ::recast::DType getDType() const;
    /// The layout as runtime/layout knows it; whole without `on`.
    ::recast::layout::Layout getLayout() const;
    ValueType withOn(::recast::ir::ckpt::LayoutAttr on) const { return get(getTensor(), on); }
    ValueType withElementType(::mlir::Type element) const {
      return get(getTensor().clone(element), getOn());
    }
  }];
}

def Ckpt_StateType : Ckpt_Type<"State", "state"> {
  let summary = "The per-element state of a role in declared IR: not shaped yet";
  let description = [{
    Example: `^bb0(%x: !ckpt.state)`
  }];
}

def Ckpt_ObjectType : Ckpt_Type<"Object", "object"> {
  let summary = "An inert tree: what a checkpoint holds besides tensors";
  let description = [{
    Parameter groups, random number states, arguments, iterations.

    Example: `!ckpt.object`
  }];
}

#endif // RECAST_DIALECT_CKPT_TYPES_TD
