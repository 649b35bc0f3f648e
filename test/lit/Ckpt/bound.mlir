// RUN: recast-opt %s --verify-roundtrip | FileCheck %s

// CHECK-DAG: #[[MESH:.+]] = #ckpt.mesh<["dp", "tp"], [2, 4]>
// CHECK-DAG: #[[$FLAT:.+]] = #ckpt.layout<mesh = #[[MESH]], steps = [#ckpt.split<["d0"] by ["tp"] rule ceil>, #ckpt.flat<"dp" per group>]>
// CHECK-DAG: #[[TP:.+]] = #ckpt.mesh<["tp"], [2]>
// CHECK-DAG: #[[$QKV:.+]] = #ckpt.layout<mesh = #[[TP]], axes = <"((g r) + g) h", {g = 2, h = 4, r = 3}>, steps = [#ckpt.split<["g"] by ["tp"]>]>
// CHECK-DAG: #[[$PIECES:.+]] = #ckpt.layout<steps = [#ckpt.pieces<"{0 -> 0 [3:2:1 2:1:3]}">]>
// CHECK-DAG: #[[$STAGE:.+]] = #ckpt.layout<mesh = #{{.+}}, steps = [#ckpt.stage<"pp" at [0, 1]>, #ckpt.varying<"tp">, #ckpt.chunk<0 by "dp">]>
#flat = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>,
                     steps = [#ckpt.split<["d0"] by ["tp"] rule ceil>, #ckpt.flat<"dp" per group>]>
#qkv = #ckpt.layout<mesh = <["tp"], [2]>, axes = <"((g r) + g) h", {g = 2, h = 4, r = 3}>,
                    steps = [#ckpt.split<["g"] by ["tp"]>]>

// CHECK-LABEL: ckpt.family @moments roles ["master", "weight"] targets [@uni, @hub] members dense_resource<moments> : tensor<2x15xi64> {
// CHECK-NEXT:  ^bb0(%[[M:.+]]: !ckpt.value<tensor<67x32xf32>, on = #[[$FLAT]]>, %[[W:.+]]: !ckpt.value<tensor<67x32xbf16>>):
// CHECK-NEXT:    %[[WHOLE:.+]] = ckpt.reshard %[[M]] : !ckpt.value<tensor<67x32xf32>, on = #[[$FLAT]]> to !ckpt.value<tensor<67x32xf32>>
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[WHOLE]] to bf16 : !ckpt.value<tensor<67x32xf32>>
// CHECK-NEXT:    ckpt.check_equal %[[C]], %[[W]] : !ckpt.value<tensor<67x32xbf16>>
// CHECK-NEXT:    %[[F8:.+]] = ckpt.cast %[[WHOLE]] to f8E4M3FN overflow saturate : !ckpt.value<tensor<67x32xf32>>
// CHECK-NEXT:    ckpt.yield %[[WHOLE]], %[[F8]] : !ckpt.value<tensor<67x32xf32>>, !ckpt.value<tensor<67x32xf8E4M3FN>>
ckpt.family @moments roles ["master", "weight"] targets [@uni, @hub]
    members dense_resource<moments> : tensor<2x15xi64> {
^bb0(%m: !ckpt.value<tensor<67x32xf32>, on = #flat>, %w: !ckpt.value<tensor<67x32xbf16>>):
  %0 = ckpt.reshard %m : !ckpt.value<tensor<67x32xf32>, on = #flat> to !ckpt.value<tensor<67x32xf32>>
  %1 = ckpt.cast %0 to bf16 round rne : !ckpt.value<tensor<67x32xf32>>
  ckpt.check_equal %1, %w : !ckpt.value<tensor<67x32xbf16>>
  %2 = ckpt.cast %0 to f8E4M3FN overflow saturate : !ckpt.value<tensor<67x32xf32>>
  ckpt.yield %0, %2 : !ckpt.value<tensor<67x32xf32>>, !ckpt.value<tensor<67x32xf8E4M3FN>>
}

// CHECK-LABEL: func.func @fused
// CHECK:         %[[F:.+]] = ckpt.map %{{.*}}, %{{.*}} : !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>> to !ckpt.value<tensor<8x4xf32>> by #ckpt.axes<"((g r) + g) h", {g = 2, h = 4, r = 3}>
// CHECK:         %{{.+}}:2 = ckpt.unmap %[[F]] : !ckpt.value<tensor<8x4xf32>> to !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>> by #ckpt.axes<"((g r) + g) h", {g = 2, h = 4, r = 3}>
// CHECK:         ckpt.reshard %[[F]] : !ckpt.value<tensor<8x4xf32>> to !ckpt.value<tensor<8x4xf32>, on = #[[$QKV]]>

func.func @fused(%q: !ckpt.value<tensor<6x4xf32>>, %k: !ckpt.value<tensor<2x4xf32>>)
    -> (!ckpt.value<tensor<8x4xf32>, on = #qkv>, !ckpt.value<tensor<6x4xf32>>) {
  %f = ckpt.map %q, %k : !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>
      to !ckpt.value<tensor<8x4xf32>> by #ckpt.axes<"((g r) + g) h", {g = 2, h = 4, r = 3}>
  %u:2 = ckpt.unmap %f : !ckpt.value<tensor<8x4xf32>>
      to !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>
      by #ckpt.axes<"((g r) + g) h", {g = 2, h = 4, r = 3}>
  %t = ckpt.reshard %f : !ckpt.value<tensor<8x4xf32>> to !ckpt.value<tensor<8x4xf32>, on = #qkv>
  return %t, %u#0 : !ckpt.value<tensor<8x4xf32>, on = #qkv>, !ckpt.value<tensor<6x4xf32>>
}

// Parts that are transposed before they are packed: GPT-2's fused projection.
// CHECK-LABEL: func.func @transposed
// CHECK:         ckpt.map %{{.*}}, %{{.*}} : {{.*}} to !ckpt.value<tensor<5x8xf32>> by #ckpt.axes<"(n d) h + (n e) h -> h ((n d) + (n e))", {d = 3, e = 1, h = 5, n = 2}>
func.func @transposed(%q: !ckpt.value<tensor<6x5xf32>>, %k: !ckpt.value<tensor<2x5xf32>>)
    -> !ckpt.value<tensor<5x8xf32>> {
  %f = ckpt.map %q, %k : !ckpt.value<tensor<6x5xf32>>, !ckpt.value<tensor<2x5xf32>>
      to !ckpt.value<tensor<5x8xf32>>
      by #ckpt.axes<"(n d) h + (n e) h -> h ((n d) + (n e))", {d = 3, e = 1, h = 5, n = 2}>
  return %f : !ckpt.value<tensor<5x8xf32>>
}

// CHECK-LABEL: func.func private @steps
// CHECK-SAME:    on = #[[$PIECES]]>
// CHECK-SAME:    on = #[[$STAGE]]>
// CHECK-SAME:    #ckpt.stage<"pp">
func.func private @steps() attributes {
  a = !ckpt.value<tensor<3x2xf32>, on = #ckpt.layout<steps = [#ckpt.pieces<"{0 -> 0 [3:2:1 2:1:3]}">]>>,
  b = !ckpt.value<tensor<3x2xf32>, on = #ckpt.layout<mesh = <["pp", "tp", "dp"], [2, 2, 2]>,
      steps = [#ckpt.stage<"pp" at [0, 1]>, #ckpt.varying<"tp">, #ckpt.chunk<0 by "dp">]>>,
  c = #ckpt.stage<"pp">}
