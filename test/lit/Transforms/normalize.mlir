// RUN: recast-opt %s --ckpt-normalize | FileCheck %s
// RUN: recast-opt %s --ckpt-normalize --remarks-filter-passed="ckpt-normalize" --remarks-filter-missed="ckpt-normalize" --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

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

// REMARK-DAG: remark: [Missed] CastOfExactCast | Category:ckpt-normalize | Function=rounded | Remark="f32 -> bf16 rounds, and rounding twice is not rounding once"
// REMARK-DAG: remark: [Passed] CastOfExactCast | Category:ckpt-normalize | Function=widened | Remark="bf16 -> f32 -> f16 is one cast: the first rounds nothing"
// REMARK-DAG: remark: [Missed] CastOfExactCast | Category:ckpt-normalize | Function=there_and_back | Remark="bf16 -> f32 -> bf16 makes signalling NaNs quiet, so it is not nothing"

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

// What rounds nothing need not stand before another cast.
// CHECK-LABEL: ckpt.family @widened
// CHECK-NEXT:  ^bb0(%[[W:.+]]: !ckpt
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[W]] to f16
// CHECK-NEXT:    ckpt.yield %[[C]]
ckpt.family @widened roles ["weight"] targets [@hub]
    members dense_resource<widened> : tensor<1x8xi64> {
^bb0(%w: !rows16):
  %0 = ckpt.cast %w to f32 : !rows16
  %1 = ckpt.cast %0 to f16 : !rows
  ckpt.yield %1 : !ckpt.value<tensor<8xf16>, on = #rows>
}

// But the way there and back is not nothing.
// CHECK-LABEL: ckpt.family @there_and_back
// CHECK-COUNT-2: ckpt.cast
// CHECK-NEXT:    ckpt.yield
ckpt.family @there_and_back roles ["weight"] targets [@hub]
    members dense_resource<there_and_back> : tensor<1x8xi64> {
^bb0(%w: !rows16):
  %0 = ckpt.cast %w to f32 : !rows16
  %1 = ckpt.cast %0 to bf16 : !rows
  ckpt.yield %1 : !rows16
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
