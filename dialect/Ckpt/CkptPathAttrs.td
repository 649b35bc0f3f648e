//===- CkptPathAttrs.td - paths of a model, and steps whose extents are not known yet -----------===//

#ifndef RECAST_DIALECT_CKPT_PATH_ATTRS_TD
#define RECAST_DIALECT_CKPT_PATH_ATTRS_TD

include "dialect/Ckpt/CkptExprAttrs.td"

def Ckpt_SegmentAttr : Ckpt_Attr<"Segment", "segment"> {
  let summary = "One part of a path";
  let description = [{
    A name, with the index of its group; a choice of one each (`index` and `members`); or a pack of
    several tensors into one (`members` alone).

    **Constraints:** a name or members, not both; members are distinct, and at least one.

    Examples: `#ckpt.segment<name = "layer", index = "l">`, written `layer[l]`;
    `#ckpt.segment<index = "n", members = ["q", "k"]>`, written `{n: q k}`;
    `#ckpt.segment<members = ["q", "k"]>`, written `[q, k]`.
  }];
  let parameters = (ins OptionalParameter<"::mlir::StringAttr">:$name,
                        OptionalParameter<"::mlir::StringAttr">:$index,
                        OptionalParameter<"::mlir::ArrayAttr">:$members);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Ckpt_PathAttr : Ckpt_Attr<"Path", "path"> {
  let summary = "Tensors of a model";
  let description = [{
    **Constraints:** at least one segment, at most one of them a pack.

    Example: `#ckpt.path<#ckpt.segment<name = "layer", index = "l">, #ckpt.segment<name = "q">>`,
    written `layer[l].q`.
  }];
  let parameters = (ins ArrayRefParameter<"::recast::ir::ckpt::SegmentAttr">:$segments);
  let assemblyFormat = "`<` qualified($segments) `>`";
  let genVerifyDecl = 1;
}

def Ckpt_PadToAttr : Ckpt_Attr<"PadTo", "pad_to"> {
  let summary = "Layout step of a view: as `#ckpt.pad`, with a multiple that is an expression";
  let description = [{
    Names in it are mesh axes and dimensions, which stand for their sizes.

    Example: `#ckpt.pad_to<"V", #ckpt.binary<"*", 128 : i64, #ckpt.word<"tp">>>`, written
    `pad V to multiple of 128 * tp`.
  }];
  let parameters = (ins StringRefParameter<>:$axis, "::mlir::Attribute":$multiple);
  let assemblyFormat = "`<` $axis `,` $multiple `>`";
  let genVerifyDecl = 1;
}

#endif // RECAST_DIALECT_CKPT_PATH_ATTRS_TD
