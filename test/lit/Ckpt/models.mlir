// RUN: recast-opt %s --verify-roundtrip | FileCheck %s

// CHECK: ckpt.model @tiny params ["c"] {
ckpt.model @tiny params ["c"] {
  // CHECK: ckpt.dim "h" = #ckpt.binary<"??", #ckpt.member<#ckpt.word<"c">, "hidden">, 4 : i64>
  ckpt.dim "h" = #ckpt.binary<"??", #ckpt.member<#ckpt.word<"c">, "hidden">, 4 : i64>
  ckpt.dim "L" = 2 : i64
  ckpt.tensor "embed" axes ["h"]
  // CHECK: ckpt.group "layer" index "l" below #ckpt.word<"L"> {
  ckpt.group "layer" index "l" below #ckpt.word<"L"> {
    // CHECK: ckpt.tensor "q" axes ["h L", "h"] if #ckpt.member<#ckpt.word<"c">, "x">
    ckpt.tensor "q" axes ["h L", "h"] if #ckpt.member<#ckpt.word<"c">, "x">
    ckpt.tensor "k" axes ["h"]
  }
  // CHECK: ckpt.tensor "head" axes ["h"] tied #ckpt.path<#ckpt.segment<name = "embed">> when true
  ckpt.tensor "head" axes ["h"] tied #ckpt.path<#ckpt.segment<name = "embed">> when true
}

// CHECK: ckpt.view @packed of @tiny over ["tp"] {
ckpt.view @packed of @tiny over ["tp"] {
  // CHECK: ckpt.rule #ckpt.path<{{.*}}members = ["q", "k"]>> stored "layers.{l}.qk" map "(h L + h) h" steps [#ckpt.pad_to<"h", #ckpt.binary<"*", 8 : i64, #ckpt.word<"tp">>>, #ckpt.split<["h"] by ["tp"]>]
  ckpt.rule #ckpt.path<#ckpt.segment<name = "layer", index = "l">, #ckpt.segment<members = ["q", "k"]>>
      stored "layers.{l}.qk" map "(h L + h) h"
      steps [#ckpt.pad_to<"h", #ckpt.binary<"*", 8 : i64, #ckpt.word<"tp">>>, #ckpt.split<["h"] by ["tp"]>]
  // CHECK: ckpt.rule #ckpt.path<#ckpt.segment<index = "n", members = ["embed", "head"]>> stored "{n}" if true
  ckpt.rule #ckpt.path<#ckpt.segment<index = "n", members = ["embed", "head"]>> stored "{n}" if true
  // CHECK: ckpt.ignore "rotary.*"
  ckpt.ignore "rotary.*"
}
