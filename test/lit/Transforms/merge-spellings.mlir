// RUN: recast-opt %s --ckpt-merge-families | FileCheck %s

// The same layout in other words is the same read: chunked by rows is split evenly, whatever the
// axes are called.
#chunk = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.chunk<0 by "dp">]>
#split = #ckpt.layout<mesh = <["x"], [2]>, axes = <"g (a b)", {a = 2, b = 3, g = 4}>,
                      steps = [#ckpt.split<["g"] by ["x"]>]>
#other = #ckpt.layout<mesh = <["x"], [2]>, steps = [#ckpt.chunk<1 by "x">]>
!chunk = !ckpt.value<tensor<4x6xf32>, on = #chunk>
!split = !ckpt.value<tensor<4x6xf32>, on = #split>
!other = !ckpt.value<tensor<4x6xf32>, on = #other>

// CHECK-LABEL: ckpt.family @a roles ["master"] targets [@uni, @hub]
// CHECK-NEXT:  ^bb0(%[[M:.+]]: !ckpt.value<tensor<4x6xf32>, on = #[[$CHUNK:.+]]>):
// CHECK-NEXT:    %[[R:.+]] = ckpt.reshard %[[M]] : !ckpt.value<tensor<4x6xf32>, on = #[[$CHUNK]]> to
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[R]] to bf16
// CHECK-NEXT:    ckpt.yield %[[M]], %[[C]]
ckpt.family @a roles ["master"] targets [@uni] members dense_resource<a> : tensor<1x8xi64> {
^bb0(%m: !chunk):
  ckpt.yield %m : !chunk
}
ckpt.family @b roles ["master"] targets [@hub] members dense_resource<b> : tensor<1x8xi64> {
^bb0(%m: !split):
  %0 = ckpt.cast %m to bf16 : !split
  ckpt.yield %0 : !ckpt.value<tensor<4x6xbf16>, on = #split>
}
// CHECK: ckpt.family @c
ckpt.family @c roles ["master"] targets [@hub] members dense_resource<b> : tensor<1x8xi64> {
^bb0(%m: !other):
  ckpt.yield %m : !other
}

{-#
  dialect_resources: {
    builtin: {
      a: "0x08000000000000000000000003000000000000000000000000000000000000000000000000000000000000000A0000000000000014000000000000000000000000000000",
      b: "0x08000000000000000000000003000000000000000000000000000000000000000000000000000000000000000B0000000000000014000000000000000000000000000000"
    }
  }
#-}
