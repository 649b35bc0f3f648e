//===- PlanBase.td - the plan dialect and its base classes ------------------------------------===//

#ifndef RECAST_DIALECT_PLAN_BASE_TD
#define RECAST_DIALECT_PLAN_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::recast::ir::plan";
  let summary = "The text form of a plan artifact, one to one";
  let description = [{
    A module of `plan` ops says exactly what an `.rplan` artifact holds: export, import and export
    again give the same bytes. It is symbolic, the same for all ranks. Nothing in it grows with the
    number of tensors except resource blobs: tables of 64-bit integers whose columns each op
    documents.

    Ops refer to each other by position: source, layout, target `n` is the n-th op of its kind in
    the module, string, file, extent, store `n` the n-th row of its table. An absent table is an
    empty one. Columns that are unsigned in the artifact are stored with the same bits.

    ```mlir
    plan.header version "1.0" budget 0 schema 0x0 instance 0x0 spec "job resume { ... }"
    plan.strings dense_resource<string_lengths> : tensor<2x1xi64>
        bytes dense_resource<string_bytes> : tensor<9xi8>
    plan.source "run" format "deepspeed" path "/runs/a" tag "global_step3"
    plan.files dense_resource<files> : tensor<1x4xi64> paths dense_resource<paths> : tensor<10xi8>
    plan.extents dense_resource<extents> : tensor<2x3xi64>
    plan.stores dense_resource<stores> : tensor<1x2xi64>
    plan.layout "on (dp = 2) flat dp per param"
    plan.layout "whole"
    plan.target "hub" format "safetensors" path "/out" tag ""
    plan.family @weights shape [67, 32] inputs [f32 layout 0]
        outputs [bf16 layout 1 target 0] recipe "load 0 f32; cast %0 bf16; store %1 0"
        members dense_resource<members> : tensor<1x6xi64>
    ```
  }];
  let useDefaultAttributePrinterParser = 1;
}

class Plan_Attr<string name, string attrMnemonic> : AttrDef<Plan_Dialect, name> {
  let mnemonic = attrMnemonic;
}

class Plan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Plan_Dialect, mnemonic, !listconcat(traits, [HasParent<"::mlir::ModuleOp">])>;

#endif // RECAST_DIALECT_PLAN_BASE_TD
