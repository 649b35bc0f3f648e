// RUN: recast-opt %s --verify-roundtrip | FileCheck %s
// RUN: recast-opt %s --mlir-print-debuginfo | recast-opt | FileCheck %s
// RUN: recast-opt %s --mlir-print-op-generic | recast-opt | FileCheck %s
// RUN: recast-opt %s --emit-bytecode | recast-opt | FileCheck %s
// RUN: recast-opt %s --mlir-elide-resource-strings-if-larger=4 | recast-opt | FileCheck %s --check-prefix=ELIDED

// Blobs are part of the text. Without them it can still be read, printed and looked at.
// ELIDED: plan.strings dense_resource<string_lengths> : tensor<5x1xi64>
// ELIDED: plan.family @family0
// ELIDED-NOT: string_bytes: "0x

// CHECK: plan.header version "1.0" budget 1073741824 schema 0xfa7d9e75985825de instance 0xbf1699b9bba95d35 rebinding expects_step cut drained spec "job resume {\0A  from \22run\22\0A}\0A"
// CHECK: plan.strings dense_resource<string_lengths> : tensor<5x1xi64> bytes dense_resource<string_bytes> : tensor<37xi8>
// CHECK: plan.source "run" format "deepspeed" path "/runs/a" tag "global_step3"
// CHECK: plan.source "base" format "safetensors" path "/models/b" tag ""
// CHECK: plan.files dense_resource<files> : tensor<3x4xi64> paths dense_resource<file_paths> : tensor<77xi8>
// CHECK: plan.records dense_resource<records> : tensor<3x4xi64>
// CHECK: plan.extents dense_resource<extents> : tensor<3x3xi64>
// CHECK: plan.stores dense_resource<stores> : tensor<2x2xi64>
// CHECK: plan.layout "whole"
// CHECK: plan.layout "on (dp = 2) flat dp per group"
// CHECK: plan.layout "on (dp = 2) flat dp per param"
// CHECK: plan.target "hub" format "safetensors" path "/out/hub" tag "" options {max_shard_size = "5GB", "odd \22key\22" = "line\0Abreak"} aliases dense_resource<target0_aliases> : tensor<1x2xi64> copy [#plan.side_file<"/models/b/config.json" as "config.json" size 731 mtime 1600000000000000000>]
// CHECK: plan.target "universal" format "deepspeed_universal" path "/out/universal" tag "global_step3_universal" rank 3 groups ["{\22dict\22:{{\[\[}}\22lr\22,{\22float\22:0.1}{{\]\]}}}", "{\22dict\22:[]}"] sizes [2, 0] names dense_resource<target1_group_names> : tensor<2x1xi64> objects {args = "{\22list\22:[-1,\22x\22,null]}"} keep dense_resource<target1_kept_files> : tensor<2x1xi64>
// CHECK: plan.family @family0 shape [4, 6] inputs [f32 layout 1] outputs [bf16 layout 0 target 0, f32 layout 0 target 1] recipe "load 0 f32; cast %0 bf16; store %1 0; store %0 1" members dense_resource<members0> : tensor<2x11xi64>
// CHECK: plan.family @family1 shape [24] inputs [f32 layout 2, bf16 layout 0] outputs [] recipe "load 0 f32; load 1 bf16; cast %0 bf16; check %1 %2" members dense_resource<members1> : tensor<1x9xi64>
// CHECK: plan.family @family2 shape [] inputs [f32 layout 0] outputs [f32 layout 0 target 1] recipe "load 0 f32; store %0 0" members dense_resource<members2> : tensor<2x8xi64>
// CHECK: plan.left_out "exp_avg" because "dropped for `hub`"
// CHECK: plan.left_out "object 'args.lr'" because "set to another value for 'universal'" object "args.lr" set for "universal"
// CHECK: plan.left_out "weight of 3 tensors as stored" because "computed from another role for 'hub'" role "weight" computed of 3 for "hub"
// CHECK: plan.deadlines "p" time 1.175000e+02 rows dense_resource<deadlines> : tensor<2x4xi64>
// CHECK-DAG: deadlines: "0x08000000000000000000000003000000000000000100000000000000000000000000E03F0100000000000000020000000000000001000000000000000000000000001240"
// CHECK-DAG: string_lengths: "0x0800000006000000000000000400000000000000070000000000000007000000000000000D00000000000000"
// CHECK-DAG: string_bytes: "0x01000000776569676874737465706D6F64656C2E616D6F64656C2E626E6F7420FF207574662D380021"
// CHECK-DAG: files: "0x080000000000000000000000001000000000000015CD853DFE9C97171E0000000000000000000000000000000010000000000000FFFFFFFFFFFFFFFF1E000000000000000100000000000000E80300000000000000000000000000001100000000000000"
// CHECK-DAG: file_paths: "0x01000000676C6F62616C5F73746570332F7A65726F5F70705F72616E6B5F302E7074676C6F62616C5F73746570332F7A65726F5F70705F72616E6B5F312E70746D6F64656C2E7361666574656E736F7273"
// CHECK-DAG: records: "0x08000000000000000000000040000000000000000004000000000000EFBEADDE00000000000000000000000000080000000000000002000000000000010000000000000002000000000000000000000000000000E803000000000000FFFFFFFF00000000"
// CHECK-DAG: extents: "0x0800000000000000000000004000000000000000000100000000000001000000000000004000000000000000C800000000000000020000000000000064000000000000001800000000000000"
// CHECK-DAG: stores: "0x080000000000000000000000020000000000000002000000000000000100000000000000"
// CHECK-DAG: target0_aliases: "0x0800000003000000000000000200000000000000"
// CHECK-DAG: target1_group_names: "0x0800000002000000000000000300000000000000"
// CHECK-DAG: target1_kept_files: "0x0800000000000000000000000100000000000000"
// CHECK-DAG: members0: "0x080000000200000000000000000000000000000028000000000000009001000000000000000000000000000002000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000003000000000000000000000000000000BE0000000000000090010000000000000000000000000000030000000000000000000000000000000000000000000000030000000000000000000000000000000000000000000000"
// CHECK-DAG: members1: "0x08000000020000000000000000000000000000000700000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000000000"
// CHECK-DAG: members2: "0x080000000200000000000000FFFFFFFFFFFFFFFF0000404000000000000000000000000000000000000000000200000000000000010000000000000000000000000000000300000000000000FFFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000030000000000000001000000000000000000000000000000"

module {
  plan.header version "1.0" budget 1073741824
      schema 0xfa7d9e75985825de instance 0xbf1699b9bba95d35 rebinding expects_step cut drained
      spec "job resume {\0A  from \22run\22\0A}\0A"
  plan.strings dense_resource<string_lengths> : tensor<5x1xi64>
      bytes dense_resource<string_bytes> : tensor<37xi8>
  plan.source "run" format "deepspeed" path "/runs/a" tag "global_step3"
  plan.source "base" format "safetensors" path "/models/b" tag ""
  plan.files dense_resource<files> : tensor<3x4xi64>
      paths dense_resource<file_paths> : tensor<77xi8>
  plan.records dense_resource<records> : tensor<3x4xi64>
  plan.extents dense_resource<extents> : tensor<3x3xi64>
  plan.stores dense_resource<stores> : tensor<2x2xi64>
  plan.layout "whole"
  plan.layout "on (dp = 2) flat dp per group"
  plan.layout "on (dp = 2) flat dp per param"
  plan.target "hub" format "safetensors" path "/out/hub" tag ""
      options {max_shard_size = "5GB", "odd \22key\22" = "line\0Abreak"}
      aliases dense_resource<target0_aliases> : tensor<1x2xi64>
      copy [#plan.side_file<"/models/b/config.json" as "config.json" size 731 mtime 1600000000000000000>]
  plan.target "universal" format "deepspeed_universal" path "/out/universal" tag "global_step3_universal" rank 3
      groups ["{\22dict\22:[[\22lr\22,{\22float\22:0.1}]]}", "{\22dict\22:[]}"] sizes [2, 0] names dense_resource<target1_group_names> : tensor<2x1xi64>
      objects {args = "{\22list\22:[-1,\22x\22,null]}"}
      keep dense_resource<target1_kept_files> : tensor<2x1xi64>
  plan.family @family0 shape [4, 6] inputs [f32 layout 1]
      outputs [bf16 layout 0 target 0, f32 layout 0 target 1]
      recipe "load 0 f32; cast %0 bf16; store %1 0; store %0 1"
      members dense_resource<members0> : tensor<2x11xi64>
  plan.family @family1 shape [24] inputs [f32 layout 2, bf16 layout 0]
      outputs []
      recipe "load 0 f32; load 1 bf16; cast %0 bf16; check %1 %2"
      members dense_resource<members1> : tensor<1x9xi64>
  plan.family @family2 shape [] inputs [f32 layout 0]
      outputs [f32 layout 0 target 1]
      recipe "load 0 f32; store %0 0"
      members dense_resource<members2> : tensor<2x8xi64>
  plan.left_out "exp_avg" because "dropped for `hub`"
  plan.left_out "object 'args.lr'" because "set to another value for 'universal'"
      object "args.lr" set for "universal"
  plan.left_out "weight of 3 tensors as stored" because "computed from another role for 'hub'"
      role "weight" computed of 3 for "hub"
  plan.deadlines "p" time 1.175000e+02 rows dense_resource<deadlines> : tensor<2x4xi64>
}

{-#
  dialect_resources: {
    builtin: {
      string_lengths: "0x0800000006000000000000000400000000000000070000000000000007000000000000000D00000000000000",
      string_bytes: "0x01000000776569676874737465706D6F64656C2E616D6F64656C2E626E6F7420FF207574662D380021",
      files: "0x080000000000000000000000001000000000000015CD853DFE9C97171E0000000000000000000000000000000010000000000000FFFFFFFFFFFFFFFF1E000000000000000100000000000000E80300000000000000000000000000001100000000000000",
      file_paths: "0x01000000676C6F62616C5F73746570332F7A65726F5F70705F72616E6B5F302E7074676C6F62616C5F73746570332F7A65726F5F70705F72616E6B5F312E70746D6F64656C2E7361666574656E736F7273",
      records: "0x08000000000000000000000040000000000000000004000000000000EFBEADDE00000000000000000000000000080000000000000002000000000000010000000000000002000000000000000000000000000000E803000000000000FFFFFFFF00000000",
      extents: "0x0800000000000000000000004000000000000000000100000000000001000000000000004000000000000000C800000000000000020000000000000064000000000000001800000000000000",
      stores: "0x080000000000000000000000020000000000000002000000000000000100000000000000",
      target0_aliases: "0x0800000003000000000000000200000000000000",
      target1_group_names: "0x0800000002000000000000000300000000000000",
      target1_kept_files: "0x0800000000000000000000000100000000000000",
      members0: "0x080000000200000000000000000000000000000028000000000000009001000000000000000000000000000002000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000003000000000000000000000000000000BE0000000000000090010000000000000000000000000000030000000000000000000000000000000000000000000000030000000000000000000000000000000000000000000000",
      members1: "0x08000000020000000000000000000000000000000700000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000000000",
      members2: "0x080000000200000000000000FFFFFFFFFFFFFFFF0000404000000000000000000000000000000000000000000200000000000000010000000000000000000000000000000300000000000000FFFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000030000000000000001000000000000000000000000000000",
      deadlines: "0x08000000000000000000000003000000000000000100000000000000000000000000E03F0100000000000000020000000000000001000000000000000000000000001240"
    }
  }
#-}
