// RUN: recast-opt %s --ckpt-normalize | FileCheck %s
// RUN: recast-opt %s --ckpt-normalize --remarks-filter-passed="ckpt-normalize" --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#rows = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.chunk<0 by "dp">]>
#flat = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
#axes = #ckpt.axes<"(f + f) h", {f = 2, h = 4}>
!rows = !ckpt.value<tensor<8xf32>, on = #rows>
!rows16 = !ckpt.value<tensor<8xbf16>, on = #rows>

// The cast sinks below the reshard, and the two reshards of one use become one.
// CHECK-LABEL: ckpt.family @chain
// CHECK-NEXT:  ^bb0(%[[M:.+]]: !ckpt.value<tensor<8xf32>, on = #[[$ROWS:.+]]>):
// CHECK-NEXT:    %[[R:.+]] = ckpt.reshard %[[M]] : !ckpt.value<tensor<8xf32>, on = #[[$ROWS]]> to !ckpt.value<tensor<8xf32>, on = #[[$FLAT:.+]]>
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[R]] to bf16
// CHECK-NEXT:    ckpt.yield %[[C]]
// REMARK-DAG: remark: [Passed] SinkCastBelowReshard | Category:ckpt-normalize | Function=chain
ckpt.family @chain roles ["master"] targets [@hub] members dense_resource<chain> : tensor<1x8xi64> {
^bb0(%m: !rows):
  %0 = ckpt.cast %m to bf16 : !rows
  %1 = ckpt.reshard %0 : !rows16 to !ckpt.value<tensor<8xbf16>>
  %2 = ckpt.reshard %1 : !ckpt.value<tensor<8xbf16>> to !ckpt.value<tensor<8xbf16>, on = #flat>
  ckpt.yield %2 : !ckpt.value<tensor<8xbf16>, on = #flat>
}

// Rounding to bf16 and back stays where it is: inner roundings are kept.
// CHECK-LABEL: ckpt.family @rounded
// CHECK-NEXT:  ^bb0(%[[M:.+]]: !ckpt
// CHECK-NEXT:    %[[R:.+]] = ckpt.reshard %[[M]]
// CHECK-NEXT:    %[[A:.+]] = ckpt.cast %[[R]] to bf16
// CHECK-NEXT:    %[[B:.+]] = ckpt.cast %[[A]] to f32
// CHECK-NEXT:    ckpt.yield %[[B]]
ckpt.family @rounded roles ["master"] targets [@hub]
    members dense_resource<rounded> : tensor<1x8xi64> {
^bb0(%m: !rows):
  %0 = ckpt.cast %m to bf16 : !rows
  %1 = ckpt.cast %0 to f32 : !rows16
  %2 = ckpt.reshard %1 : !rows to !ckpt.value<tensor<8xf32>>
  ckpt.yield %2 : !ckpt.value<tensor<8xf32>>
}

// CHECK-LABEL: func.func @packed
// CHECK-SAME:    (%[[G:.+]]: !ckpt.value<tensor<2x4xf32>, on = #{{.+}}>, %[[U:.+]]: !ckpt.value<tensor<2x4xf32>>)
// CHECK-NEXT:    %[[M:.+]] = ckpt.map %[[G]], %[[U]]
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[M]] to bf16 : !ckpt.value<tensor<4x4xf32>>
// CHECK-NEXT:    return %[[C]]
// REMARK-DAG: remark: [Passed] DropReshardBeforeMap | Category:ckpt-normalize | Function=(no family)
func.func @packed(%g: !ckpt.value<tensor<2x4xf32>, on = #rows>, %u: !ckpt.value<tensor<2x4xf32>>)
    -> !ckpt.value<tensor<4x4xbf16>> {
  %0 = ckpt.reshard %g : !ckpt.value<tensor<2x4xf32>, on = #rows> to !ckpt.value<tensor<2x4xf32>>
  %1 = ckpt.cast %0 to bf16 : !ckpt.value<tensor<2x4xf32>>
  %2 = ckpt.cast %u to bf16 : !ckpt.value<tensor<2x4xf32>>
  %3 = ckpt.map %1, %2 : !ckpt.value<tensor<2x4xbf16>>, !ckpt.value<tensor<2x4xbf16>>
      to !ckpt.value<tensor<4x4xbf16>> by #axes
  return %3 : !ckpt.value<tensor<4x4xbf16>>
}

// Casts of different types do not sink: there is no one cast of the packed tensor.
// CHECK-LABEL: func.func @mixed
// CHECK-COUNT-2: ckpt.cast
// CHECK-NEXT:    %[[M:.+]] = ckpt.map
// CHECK-NEXT:    return %[[M]]
func.func @mixed(%g: !ckpt.value<tensor<2x4xf32>>, %u: !ckpt.value<tensor<2x4xf16>>)
    -> !ckpt.value<tensor<4x4xbf16>> {
  %1 = ckpt.cast %g to bf16 : !ckpt.value<tensor<2x4xf32>>
  %2 = ckpt.cast %u to bf16 : !ckpt.value<tensor<2x4xf16>>
  %3 = ckpt.map %1, %2 : !ckpt.value<tensor<2x4xbf16>>, !ckpt.value<tensor<2x4xbf16>>
      to !ckpt.value<tensor<4x4xbf16>> by #axes
  return %3 : !ckpt.value<tensor<4x4xbf16>>
}

// CHECK-LABEL: func.func @unpacked
// CHECK-NEXT:    %[[P:.+]]:2 = ckpt.unmap %{{.+}} : !ckpt.value<tensor<4x4xf32>> to !ckpt.value<tensor<2x4xf32>>, !ckpt.value<tensor<2x4xf32>>
// CHECK-NEXT:    %[[A:.+]] = ckpt.cast %[[P]]#0 to bf16
// CHECK-NEXT:    %[[B:.+]] = ckpt.cast %[[P]]#1 to bf16
// CHECK-NEXT:    return %[[A]], %[[B]]
func.func @unpacked(%x: !ckpt.value<tensor<4x4xf32>>)
    -> (!ckpt.value<tensor<2x4xbf16>>, !ckpt.value<tensor<2x4xbf16>>) {
  %0 = ckpt.cast %x to bf16 : !ckpt.value<tensor<4x4xf32>>
  %1:2 = ckpt.unmap %0 : !ckpt.value<tensor<4x4xbf16>>
      to !ckpt.value<tensor<2x4xbf16>>, !ckpt.value<tensor<2x4xbf16>> by #axes
  return %1#0, %1#1 : !ckpt.value<tensor<2x4xbf16>>, !ckpt.value<tensor<2x4xbf16>>
}
