//===- CkptExprAttrs.td - expressions of the language -------------------------------------------===//
//
// What the language writes as an expression, as attributes: integers, reals, strings, booleans and
// lists are builtin ones (i64, f64, string, bool, array), the rest follows here.

#ifndef RECAST_DIALECT_CKPT_EXPR_ATTRS_TD
#define RECAST_DIALECT_CKPT_EXPR_ATTRS_TD

include "dialect/Ckpt/CkptAttrs.td"

def Ckpt_SizeAttr : Ckpt_Attr<"Size", "size"> {
  let summary = "A number of bytes";
  let description = [{
    **Constraints:** not negative.

    Example: `#ckpt.size<536870912>`, written `512MiB`.
  }];
  let parameters = (ins "int64_t":$bytes);
  let assemblyFormat = "`<` $bytes `>`";
  let genVerifyDecl = 1;
}

def Ckpt_WordAttr : Ckpt_Attr<"Word", "word"> {
  let summary = "A bare identifier";
  let description = [{
    Example: `#ckpt.word<"drained">`
  }];
  let parameters = (ins StringRefParameter<>:$text);
  let assemblyFormat = "`<` $text `>`";
}

def Ckpt_ArgAttr : Ckpt_Attr<"Arg", "arg"> {
  let summary = "An argument or an element of a record, with its name";
  let description = [{
    Example: `#ckpt.arg<"zero", 1 : i64>`, written `zero = 1`.
  }];
  let parameters = (ins StringRefParameter<>:$name, "::mlir::Attribute":$value);
  let assemblyFormat = "`<` $name `,` $value `>`";
  let genVerifyDecl = 1;
}

def Ckpt_CallAttr : Ckpt_Attr<"Call", "call"> {
  let summary = "A name applied to arguments";
  let description = [{
    Example: `#ckpt.call<"rel_rmse", [#ckpt.word<"weight">]>`, written `rel_rmse(weight)`.
  }];
  let parameters = (ins StringRefParameter<>:$callee, "::mlir::ArrayAttr":$args);
  let assemblyFormat = "`<` $callee `,` $args `>`";
  let genVerifyDecl = 1;
}

def Ckpt_MemberAttr : Ckpt_Attr<"Member", "member"> {
  let summary = "A field of something";
  let description = [{
    Example: `#ckpt.member<#ckpt.word<"old">, "zero">`, written `old.zero`.
  }];
  let parameters = (ins "::mlir::Attribute":$base, StringRefParameter<>:$field);
  let assemblyFormat = "`<` $base `,` $field `>`";
  let genVerifyDecl = 1;
}

def Ckpt_BinaryAttr : Ckpt_Attr<"Binary", "binary"> {
  let summary = "An operator between two operands";
  let description = [{
    **Constraints:** the operator is one of `??`, `+`, `-`, `*`, `/`, `==`, `!=`, `<`, `<=`, `>`,
    `>=`, `and`.

    Example: `#ckpt.binary<"==", #ckpt.member<#ckpt.word<"old">, "zero">, 3 : i64>`, written
    `old.zero == 3`.
  }];
  let parameters = (ins StringRefParameter<>:$op, "::mlir::Attribute":$lhs,
                        "::mlir::Attribute":$rhs);
  let assemblyFormat = "`<` $op `,` $lhs `,` $rhs `>`";
  let genVerifyDecl = 1;
}

def Ckpt_SameAttr : Ckpt_Attr<"Same", "same"> {
  let summary = "Which layout steps the stored tensors of matching names have";
  let description = [{
    **Constraints:** the pattern is not empty; every step is a step attribute.

    Example: `#ckpt.same<"*.qkv.weight", [#ckpt.split<["d0"] by ["tp"]>]>`
  }];
  let parameters = (ins StringRefParameter<>:$names, "::mlir::ArrayAttr":$steps);
  let assemblyFormat = "`<` $names `,` $steps `>`";
  let genVerifyDecl = 1;
}

#endif // RECAST_DIALECT_CKPT_EXPR_ATTRS_TD
