//===- CkptBase.td - the ckpt dialect and its base classes -----------------------------------===//

#ifndef RECAST_DIALECT_CKPT_BASE_TD
#define RECAST_DIALECT_CKPT_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"

def Ckpt_Dialect : Dialect {
  let name = "ckpt";
  let cppNamespace = "::recast::ir::ckpt";
  let summary = "Checkpoints as values: what they hold, how it lies over a mesh, what becomes of it";
  let description = [{
    `ckpt` holds a conversion in two phases.

    *Declared* IR is the specification, one op per statement: endpoints, jobs, and rules over roles
    and names. Nothing is shaped; a rule's region works on `!ckpt.state`.

    *Bound* IR is what is left once the sources' metadata was read: `ckpt.family` ops, each one
    recipe over `!ckpt.value`s and a table of the members that share it. The IR grows with the
    number of recipes, never with the number of tensors.

    ```mlir
    #rows  = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
    !whole = !ckpt.value<tensor<67x32xbf16>>
    ckpt.family @weight roles ["master"] targets [@hub]
        members dense_resource<weight> : tensor<12x6xi64> {
    ^bb0(%m: !ckpt.value<tensor<67x32xf32>, on = #rows>):
      %0 = ckpt.reshard %m : !ckpt.value<tensor<67x32xf32>, on = #rows>
          to !ckpt.value<tensor<67x32xf32>>
      %1 = ckpt.cast %0 to bf16 : !ckpt.value<tensor<67x32xf32>>
      ckpt.yield %1 : !whole
    }
    ```
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
}

class Ckpt_Op<string mnemonic, list<Trait> traits = []> : Op<Ckpt_Dialect, mnemonic, traits>;

class Ckpt_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Ckpt_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

class Ckpt_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Ckpt_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

#endif // RECAST_DIALECT_CKPT_BASE_TD
