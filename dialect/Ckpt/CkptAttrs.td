//===- CkptAttrs.td - meshes, axes and layout steps --------------------------------------------===//
//
// Wrappers of runtime/layout: what a step means, and which lists of steps are right, is defined
// there; the attributes carry it and ask it.

#ifndef RECAST_DIALECT_CKPT_ATTRS_TD
#define RECAST_DIALECT_CKPT_ATTRS_TD

include "dialect/Ckpt/CkptBase.td"

def Ckpt_SplitRule : I32Enum<"SplitRule", "how an extent that does not divide is cut", [
    I32EnumCase<"Even", 0, "even">, I32EnumCase<"Ceil", 1, "ceil">,
    I32EnumCase<"Balanced", 2, "balanced">, I32EnumCase<"Widths", 3, "widths">]> {
  let cppNamespace = "::recast::ir::ckpt";
}

def Ckpt_FlatScope : I32Enum<"FlatScope", "what shares one flat buffer", [
    I32EnumCase<"Param", 0, "param">, I32EnumCase<"Group", 1, "group">]> {
  let cppNamespace = "::recast::ir::ckpt";
}

def Ckpt_MeshAttr : Ckpt_Attr<"Mesh", "mesh", [OpAsmAttrInterface]> {
  let summary = "Named axes of ranks, major to minor";
  let description = [{
    The rank is the mixed-radix number of its coordinates, first axis major.

    **Constraints:** at least one axis; one size per axis, each at least 1; names are distinct
    identifiers.

    Example: `#ckpt.mesh<["dp", "tp"], [2, 4]>`; rank 5 is dp 1, tp 1.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr", "axis names">:$axes,
                        ArrayRefParameter<"int64_t", "ranks along each axis">:$sizes);
  let assemblyFormat = "`<` `[` $axes `]` `,` `[` $sizes `]` `>`";
  let builders = [AttrBuilder<(ins "const ::recast::layout::Mesh &":$mesh)>];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::recast::layout::Mesh getMesh() const;
    ::mlir::OpAsmAliasResult getAlias(::llvm::raw_ostream &os) const {
      os << "mesh";
      return ::mlir::OpAsmAliasResult::OverridableAlias;
    }
  }];
}

def Ckpt_AxesAttr : Ckpt_Attr<"Axes", "axes"> {
  let summary = "How logical tensors with named axes make up one stored tensor";
  let description = [{
    The text of a `map` with the extent of every axis: einops notation, parentheses around a
    product make it one dimension, and `+` concatenates along a dimension. The k-th path through
    the alternatives is part k.

    **Constraints:** the text parses; every axis of it has exactly one extent, at least 0.

    Example: `#ckpt.axes<"((g r d) + (g d) + (g d)) h", {g = 8, r = 4, d = 128, h = 4096}>` packs
    query, key and value into one tensor of shape 6144 x 4096.
  }];
  let parameters = (ins StringRefParameter<"canonical text of the map">:$text,
                        ArrayRefParameter<"::recast::ir::ckpt::AxisSize", "extents">:$sizes);
  let assemblyFormat = "`<` $text `,` `{` custom<AxisSizes>($sizes) `}` `>`";
  let builders = [AttrBuilder<(ins "const ::recast::layout::AxisMap &":$axes)>];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::recast::layout::AxisMap getAxisMap() const;
    /// Extents of the stored tensor.
    ::llvm::SmallVector<int64_t> getStoredShape() const;
    /// Extents of each part: the `logical` side where the map has one, else one dimension per
    /// stored dimension.
    std::vector<std::vector<int64_t>> getPartShapes() const;
  }];
}

def Ckpt_PadAttr : Ckpt_Attr<"Pad", "pad"> {
  let summary = "Layout step: stored extent of an axis is rounded up";
  let description = [{
    The slots beyond the logical extent hold nothing.

    **Constraints:** `multiple` is at least 1.

    Example: `#ckpt.pad<"V" to 512>`
  }];
  let parameters = (ins StringRefParameter<>:$axis, "int64_t":$multiple);
  let assemblyFormat = "`<` $axis `to` $multiple `>`";
  let genVerifyDecl = 1;
}

def Ckpt_SplitAttr : Ckpt_Attr<"Split", "split"> {
  let summary = "Layout step: cuts named axes over mesh axes";
  let description = [{
    A part that has the axis is cut, one without it is replicated. With two axes the mesh axis is
    factored: as many ways as divide the first, the rest on the second.

    **Constraints:** at least one axis and one mesh axis; `widths` are given exactly with
    `rule widths`, none negative.

    Examples: `#ckpt.split<["g", "r"] by ["tp"]>`, `#ckpt.split<["h"] by ["tp"] rule ceil>`,
    `#ckpt.split<["h"] by ["tp"] rule widths [3, 1]>`
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$axes,
                        ArrayRefParameter<"::mlir::StringAttr">:$by,
                        DefaultValuedParameter<EnumParameter<Ckpt_SplitRule>.cppType,
                                               "SplitRule::Even">:$rule,
                        OptionalArrayRefParameter<"int64_t">:$widths);
  let assemblyFormat = [{
    `<` `[` $axes `]` `by` ` ` `[` $by `]` (`rule` $rule^)? (` ` `[` $widths^ `]`)? `>`
  }];
  let genVerifyDecl = 1;
}

def Ckpt_ChunkAttr : Ckpt_Attr<"Chunk", "chunk"> {
  let summary = "Layout step: cuts a dimension of the local tensor so far, by the ceil rule";
  let description = [{
    **Constraints:** the dimension is not negative.

    Example: `#ckpt.chunk<0 by "dp">`
  }];
  let parameters = (ins "int64_t":$dim, StringRefParameter<>:$by);
  let assemblyFormat = "`<` $dim `by` $by `>`";
  let genVerifyDecl = 1;
}

def Ckpt_FlatAttr : Ckpt_Attr<"Flat", "flat"> {
  let summary = "Layout step: ravels the local tensor and cuts equal intervals";
  let description = [{
    `per param`: each rank holds a slot of ceil(n / W) elements. `per group`: the tensor lies in a
    group buffer, at a start and with a total that the member table gives.

    **Constraints:** a mesh axis is named.

    Examples: `#ckpt.flat<"dp" per param>`, `#ckpt.flat<"dp" per group>`
  }];
  let parameters = (ins StringRefParameter<>:$by, EnumParameter<Ckpt_FlatScope>:$per);
  let assemblyFormat = "`<` $by `per` $per `>`";
  let genVerifyDecl = 1;
}

def Ckpt_StageAttr : Ckpt_Attr<"Stage", "stage"> {
  let summary = "Layout step: which coordinates of a mesh axis own the tensor";
  let description = [{
    Ranks elsewhere hold nothing. In declared IR the coordinates are left out: binding fills them
    in, member by member.

    **Constraints:** a mesh axis is named; coordinates are not negative and rise. In the type of a
    value they are given.

    Examples: `#ckpt.stage<"pp">`, `#ckpt.stage<"pp" at [0, 3]>`
  }];
  let parameters = (ins StringRefParameter<>:$by, OptionalArrayRefParameter<"int64_t">:$at);
  let assemblyFormat = "`<` $by (`at` ` ` `[` $at^ `]`)? `>`";
  let genVerifyDecl = 1;
}

def Ckpt_VaryingAttr : Ckpt_Attr<"Varying", "varying"> {
  let summary = "Layout step: values differ along a mesh axis";
  let description = [{
    Each coordinate has its own version of every element. Only `ckpt.average` and `ckpt.select`
    leave this; a reshard refuses.

    **Constraints:** a mesh axis is named.

    Example: `#ckpt.varying<"tp">`
  }];
  let parameters = (ins StringRefParameter<>:$by);
  let assemblyFormat = "`<` $by `>`";
  let genVerifyDecl = 1;
}

def Ckpt_PiecesAttr : Ckpt_Attr<"Pieces", "pieces"> {
  let summary = "Layout step: an explicit list of what each rank holds";
  let description = [{
    Boxes of the stored tensor, rank by rank (`|` between ranks): the offset of the first element in
    the tensor, that in the rank's buffer, then `extent:stride in the tensor:stride in the buffer`
    of each dimension, outer first. For chunk tables and strided views.

    **Constraints:** the text is canonical. In the type of a value: as many lists as the mesh has
    ranks; boxes inside the tensor; on no rank an element twice or two elements in one slot.

    Example: a transposed view of a 3 x 2 tensor, `#ckpt.pieces<"{0 -> 0 [3:2:1 2:1:3]}">`
  }];
  let parameters = (ins StringRefParameter<"canonical text of the lists">:$text);
  let assemblyFormat = "`<` $text `>`";
  let genVerifyDecl = 1;
}

def Ckpt_LayoutAttr : Ckpt_Attr<"Layout", "layout", [OpAsmAttrInterface]> {
  let summary = "How a logical tensor lies over a mesh";
  let description = [{
    The steps are applied left to right to the local tensor. Without `axes` the tensor's dimensions
    are the axes `d0`, `d1`, ... A tensor that is whole on one rank has no layout attribute at all.

    **Constraints:** not empty; every step is a step attribute and names axes of the mesh. Where the
    shape is known (in `!ckpt.value`) the whole list is verified against it.

    Example:
    `#ckpt.layout<mesh = <["dp", "tp"], [2, 4]>, steps = [#ckpt.split<["d0"] by ["tp"]>, #ckpt.flat<"dp" per group>]>`
  }];
  let parameters = (ins OptionalParameter<"::recast::ir::ckpt::MeshAttr">:$mesh,
                        OptionalParameter<"::recast::ir::ckpt::AxesAttr">:$axes,
                        OptionalParameter<"::mlir::ArrayAttr">:$steps);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Null for a layout that is whole.
    static LayoutAttr get(::mlir::MLIRContext *context, const ::recast::layout::Layout &layout);
    ::recast::layout::Layout getLayout() const;
    ::mlir::OpAsmAliasResult getAlias(::llvm::raw_ostream &os) const {
      os << "layout";
      return ::mlir::OpAsmAliasResult::OverridableAlias;
    }
  }];
}

#endif // RECAST_DIALECT_CKPT_ATTRS_TD
