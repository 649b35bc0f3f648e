//===- PlanAttrs.td - attributes of the plan dialect ------------------------------------------===//

#ifndef RECAST_DIALECT_PLAN_ATTRS_TD
#define RECAST_DIALECT_PLAN_ATTRS_TD

include "dialect/Plan/PlanBase.td"

/// Rows of `columns` 64-bit integers in a resource blob.
class Plan_Table<int columns>
    : Attr<CPred<"::recast::ir::plan::isTable($_self, " # columns # ")">,
           "dense_resource of tensor<Nx" # columns # "xi64>"> {
  let storageType = "::mlir::DenseResourceElementsAttr";
  let returnType = "::mlir::DenseResourceElementsAttr";
  let convertFromStorage = "$_self";
}

/// The number of columns depends on other attributes of the op.
def Plan_AnyTable
    : Attr<CPred<"::recast::ir::plan::isTable($_self, std::nullopt)">,
           "dense_resource of tensor<NxCxi64>"> {
  let storageType = "::mlir::DenseResourceElementsAttr";
  let returnType = "::mlir::DenseResourceElementsAttr";
  let convertFromStorage = "$_self";
}

def Plan_Bytes
    : Attr<CPred<"::recast::ir::plan::isBytes($_self)">, "dense_resource of tensor<Nxi8>"> {
  let storageType = "::mlir::DenseResourceElementsAttr";
  let returnType = "::mlir::DenseResourceElementsAttr";
  let convertFromStorage = "$_self";
}

def Plan_TextDictionary
    : DictionaryAttrBase<
          And<[CPred<"::llvm::isa<::mlir::DictionaryAttr>($_self)">,
               CPred<"::llvm::all_of(::llvm::cast<::mlir::DictionaryAttr>($_self), "
                     "[](::mlir::NamedAttribute entry) { return "
                     "::llvm::isa<::mlir::StringAttr>(entry.getValue()); })">]>,
          "dictionary of strings">;

def Plan_InputAttr : Plan_Attr<"Input", "input"> {
  let summary = "What a family reads: the element type and the layout of the stored tensor";
  let parameters = (ins "::recast::DType":$dtype, "uint32_t":$layout);
  let hasCustomAssemblyFormat = 1;
}

def Plan_OutputAttr : Plan_Attr<"Output", "output"> {
  let summary = "What a family writes: the element type, the layout and the target";
  let parameters = (ins "::recast::DType":$dtype, "uint32_t":$layout, "uint32_t":$target);
  let hasCustomAssemblyFormat = 1;
}

def Plan_SideFileAttr : Plan_Attr<"SideFile", "side_file"> {
  let summary = "A file that is copied into the target folder";
  let description = [{
    Source path, name inside the target, size in bytes, and time of the last change in nanoseconds
    since 1970.

    ```mlir
    #plan.side_file<"/models/a/config.json" as "config.json" size 731 mtime 1700000000000000000>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$source, "::mlir::StringAttr":$name,
                        "uint64_t":$size, "int64_t":$mtime);
  let assemblyFormat = "`<` $source `as` $name `size` $size `mtime` $mtime `>`";
}

// The numbers are those of the artifact.

def Plan_RebindingAttr : I32EnumAttr<"Rebinding", "whether a plan fits the other steps of its run", [
    I32EnumAttrCase<"Unknown", 0, "unknown">, I32EnumAttrCase<"Fits", 1, "fits">,
    I32EnumAttrCase<"ExpectsStep", 2, "expects_step">, I32EnumAttrCase<"Predicts", 3, "predicts">]> {
  let cppNamespace = "::recast::ir::plan";
}

def Plan_CutAttr : I32EnumAttr<"Cut", "how the cut of the source must be", [
    I32EnumAttrCase<"Any", 0, "any">, I32EnumAttrCase<"Drained", 1, "drained">,
    I32EnumAttrCase<"NotDrained", 2, "not_drained">]> {
  let cppNamespace = "::recast::ir::plan";
}

def Plan_ObjectChangeAttr : I32EnumAttr<"ObjectChange", "what a target does with an object it does not keep", [
    I32EnumAttrCase<"Dropped", 0, "dropped">, I32EnumAttrCase<"Set", 1, "set">,
    I32EnumAttrCase<"Regrouped", 2, "regrouped">]> {
  let cppNamespace = "::recast::ir::plan";
}

def Plan_RoleChangeAttr : I32EnumAttr<"RoleChange", "what became of tensors of a role that a target does not get as stored", [
    I32EnumAttrCase<"Dropped", 0, "dropped">, I32EnumAttrCase<"Computed", 1, "computed">]> {
  let cppNamespace = "::recast::ir::plan";
}

#endif // RECAST_DIALECT_PLAN_ATTRS_TD
