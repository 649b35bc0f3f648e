//===- PlanOps.td - operations of the plan dialect --------------------------------------------===//

#ifndef RECAST_DIALECT_PLAN_OPS_TD
#define RECAST_DIALECT_PLAN_OPS_TD

include "dialect/Plan/PlanAttrs.td"

def Plan_HeaderOp : Plan_Op<"header"> {
  let summary = "Version, budget, fingerprints and the text of the job";
  let description = [{
    The format version; the memory a rank may use, in bytes (0: the runtime's default); the schema
    and instance fingerprints (0: not computed yet); the UCL text that the plan was made from;
    whether `rebind` can fit the plan to other steps of its run (`fits`), or what of it holds of one
    step: a condition that was judged (`expects_step`), or numbers (`predicts`). Where nothing is
    said it is not known, and `rebind` refuses. `cut`: what `rebind` checks of the next step,
    `drained` where all tensors have made the same number of updates, or `not_drained`.

    ```mlir
    plan.header version "1.0" budget 1073741824 schema 0x9ae16a3b2f90404f instance 0x1d
        rebinding fits spec "job x {}"
    ```
  }];
  let arguments = (ins I32Attr:$major, I32Attr:$minor, I64Attr:$budget, I64Attr:$schema,
                       I64Attr:$instance,
                       DefaultValuedAttr<Plan_RebindingAttr, "Rebinding::Unknown">:$rebinding,
                       DefaultValuedAttr<Plan_CutAttr, "Cut::Any">:$cut,
                       StrAttr:$spec);
  let assemblyFormat = [{
    `version` custom<Version>($major, $minor) `budget` custom<Unsigned>($budget)
    `schema` custom<Hex>($schema) `instance` custom<Hex>($instance) (`rebinding` $rebinding^)?
    (`cut` $cut^)? `spec` $spec attr-dict
  }];
}

def Plan_StringsOp : Plan_Op<"strings"> {
  let summary = "The string table: names of tensors and roles";
  let description = [{
    Column of the table: length in bytes. The bytes of all strings follow each other in `bytes`;
    they need not be UTF-8.

    ```mlir
    plan.strings dense_resource<string_lengths> : tensor<2x1xi64>
        bytes dense_resource<string_bytes> : tensor<9xi8>
    ```
  }];
  let arguments = (ins Plan_Table<1>:$lengths, Plan_Bytes:$bytes);
  let assemblyFormat = "$lengths `bytes` $bytes attr-dict";
  let hasVerifier = 1;
}

def Plan_SourceOp : Plan_Op<"source"> {
  let summary = "A checkpoint that is read";
  let description = [{
    Endpoint name in the job, format, folder or file, and the tag inside it.

    ```mlir
    plan.source "run" format "deepspeed" path "/runs/a" tag "global_step3"
    ```
    `facts` are hashes of what the plan was made from: names, types and places of the tensors, and
    configurations that the job read. Where they are equal, `rebind` needs to compare nothing else.
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$format, StrAttr:$path, StrAttr:$tag,
                       OptionalAttr<Plan_TextDictionary>:$facts);
  let assemblyFormat = "$name `format` $format `path` $path `tag` $tag (`facts` $facts^)? attr-dict";
}

def Plan_FilesOp : Plan_Op<"files"> {
  let summary = "The source files";
  let description = [{
    Columns: source, size in bytes, time of the last change in nanoseconds since 1970, length of the
    path. The paths, relative to the source's folder, follow each other in `paths`.

    ```mlir
    plan.files dense_resource<files> : tensor<1x4xi64> paths dense_resource<paths> : tensor<10xi8>
    ```
  }];
  let arguments = (ins Plan_Table<4>:$rows, Plan_Bytes:$paths);
  let assemblyFormat = "$rows `paths` $paths attr-dict";
  let hasVerifier = 1;
}

def Plan_RecordsOp : Plan_Op<"records"> {
  let summary = "Ranges of source files with a checksum of their own";
  let description = [{
    Columns: file, offset, length, CRC-32. Ascending by file and offset, without overlaps.

    ```mlir
    plan.records dense_resource<records> : tensor<3x4xi64>
    ```
  }];
  let arguments = (ins Plan_Table<4>:$rows);
  let assemblyFormat = "$rows attr-dict";
  let hasVerifier = 1;
}

def Plan_ExtentsOp : Plan_Op<"extents"> {
  let summary = "Where one rank's elements lie in a file";
  let description = [{
    Columns: file, byte of the first element, number of elements.

    ```mlir
    plan.extents dense_resource<extents> : tensor<2x3xi64>
    ```
  }];
  let arguments = (ins Plan_Table<3>:$rows);
  let assemblyFormat = "$rows attr-dict";
  let hasVerifier = 1;
}

def Plan_StoresOp : Plan_Op<"stores"> {
  let summary = "Buffers that lie over ranks: one extent per rank";
  let description = [{
    Columns: first extent, number of extents.

    ```mlir
    plan.stores dense_resource<stores> : tensor<1x2xi64>
    ```
  }];
  let arguments = (ins Plan_Table<2>:$rows);
  let assemblyFormat = "$rows attr-dict";
  let hasVerifier = 1;
}

def Plan_LayoutOp : Plan_Op<"layout"> {
  let summary = "A layout that families refer to by its number";
  let description = [{
    The text is canonical: parsing and printing it gives the same text.

    ```mlir
    plan.layout "on (dp = 2) flat dp per group"
    ```
  }];
  let arguments = (ins StrAttr:$text);
  let assemblyFormat = "$text attr-dict";
  let hasVerifier = 1;
}

def Plan_TargetOp : Plan_Op<"target"> {
  let summary = "A checkpoint that is written";
  let description = [{
    Endpoint name in the job, format, folder and tag, then what the format's writer is given:
    `options` of the endpoint; `aliases` (columns: alias, canonical name; string numbers);
    optimizer `groups`: per group its hyper-parameters as JSON, and its number of names, which
    follow each other in `names` (column: string number); `objects`: name to JSON; `keep`: source
    files that go into the target as they are (column: file); `copy`: further files. `rank`: the
    rank of a pipeline or a mesh whose share the target is.

    ```mlir
    plan.target "universal" format "deepspeed_universal" path "/out" tag "global_step3_universal"
        options {bare_atoms = "true"}
        groups ["{\22dict\22: []}"] sizes [2] names dense_resource<names> : tensor<2x1xi64>
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$format, StrAttr:$path, StrAttr:$tag,
                       OptionalAttr<Plan_TextDictionary>:$options,
                       OptionalAttr<Plan_Table<2>>:$aliases,
                       OptionalAttr<StrArrayAttr>:$group_hyper,
                       OptionalAttr<DenseI64ArrayAttr>:$group_sizes,
                       OptionalAttr<Plan_Table<1>>:$group_names,
                       OptionalAttr<Plan_TextDictionary>:$objects,
                       OptionalAttr<Plan_Table<1>>:$kept_files,
                       OptionalAttr<TypedArrayAttrBase<Plan_SideFileAttr, "side files">>:$side_files,
                       OptionalAttr<I32Attr>:$rank);
  let assemblyFormat = [{
    $name `format` $format `path` $path `tag` $tag (`rank` $rank^)?
    (`options` $options^)?
    (`aliases` $aliases^)?
    (`groups` $group_hyper^ `sizes` $group_sizes `names` $group_names)?
    (`objects` $objects^)?
    (`keep` $kept_files^)?
    (`copy` $side_files^)?
    attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_FamilyOp : Plan_Op<"family", [Symbol]> {
  let summary = "One recipe and the table of the members that share it";
  let description = [{
    `shape` is the logical shape of every member. Input `i` is what slot `i` of the recipe loads,
    output `k` what its k-th store writes. The name of the family is for people; the artifact does
    not hold it.

    Columns of `members`: the logical name; then per input store (-1: a value known now, whose bits
    are in start), start, total of the group buffer, and part of a packed layout; then per output its
    name in the target, its role and its part. Names and roles are string numbers; starts and totals
    count elements.

    ```mlir
    plan.family @weights shape [67, 32] inputs [f32 layout 0]
        outputs [bf16 layout 1 target 0] recipe "load 0 f32; cast %0 bf16; store %1 0"
        members dense_resource<members> : tensor<12x8xi64>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DenseI64ArrayAttr:$shape,
                       TypedArrayAttrBase<Plan_InputAttr, "inputs">:$inputs,
                       TypedArrayAttrBase<Plan_OutputAttr, "outputs">:$outputs, StrAttr:$recipe,
                       Plan_AnyTable:$members);
  let assemblyFormat = [{
    $sym_name `shape` $shape `inputs` custom<Inputs>($inputs) `outputs` custom<Outputs>($outputs)
    `recipe` $recipe `members` $members attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_LeftOutOp : Plan_Op<"left_out"> {
  let summary = "Something the job leaves out on purpose";
  let description = [{
    What and why are for people. Of an object there is the same for programs: its path in the
    source, what became of it, and the name of the target. Likewise for the tensors of one role:
    whether they were dropped or computed from another role, and how many. `rebind` goes by these,
    so a plan that says `rebinding fits` has them wherever its words are of an object or a role.

    ```mlir
    plan.left_out "exp_avg" because "dropped for `hub`"
    plan.left_out "object 'args.lr'" because "set to another value for 'hub'"
        object "args.lr" set for "hub"
    plan.left_out "weight of 53 tensors as stored" because "computed from another role for 'hub'"
        role "weight" computed of 53 for "hub"
    ```
  }];
  let arguments = (ins StrAttr:$what, StrAttr:$why, OptionalAttr<StrAttr>:$object,
                       OptionalAttr<Plan_ObjectChangeAttr>:$change,
                       OptionalAttr<I64Attr>:$tensors, OptionalAttr<StrAttr>:$role,
                       OptionalAttr<Plan_RoleChangeAttr>:$roleChange,
                       OptionalAttr<StrAttr>:$target);
  let assemblyFormat = [{
    $what `because` $why (`object` $object^ $change)? (`role` $role^ $roleChange `of` $tensors)?
    (`for` $target^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_DeadlinesOp : Plan_Op<"deadlines"> {
  let summary = "When tensors of targets are first needed";
  let description = [{
    The name of a pipeline in the job and how long its first iteration takes, then when what it
    restores is due, from its start on. Columns: target, name, role (string numbers), and the time as
    the bits of a binary64 number; ascending by the first three.

    ```mlir
    plan.deadlines "p" time 1.175000e+02 rows dense_resource<deadlines> : tensor<40x4xi64>
    ```
  }];
  let arguments = (ins StrAttr:$pipeline, F64Attr:$time, Plan_Table<4>:$rows);
  let assemblyFormat = "$pipeline `time` $time `rows` $rows attr-dict";
  let hasVerifier = 1;
}

#endif // RECAST_DIALECT_PLAN_OPS_TD
