// RUN: recast-opt %s --ckpt-merge-families | FileCheck %s

// Ranks 0 and 2 of the mesh hold the same rows, rank 1 the others: a family computes what all of its
// targets hold.
#mesh = #ckpt.mesh<["dp", "tp"], [2, 2]>
#axes = #ckpt.axes<"n h", {h = 2, n = 4}>
#rows = #ckpt.layout<mesh = #mesh, axes = #axes, steps = [#ckpt.split<["n"] by ["tp"]>]>
!x = !ckpt.value<tensor<4x2xf32>>
!y = !ckpt.value<tensor<4x2xf32>, on = #rows>

plan.target "r0" format "memory" path "" tag "" rank 0
plan.target "r1" format "memory" path "" tag "" rank 1
plan.target "r2" format "memory" path "" tag "" rank 2

// CHECK: ckpt.family @a roles ["weight"] targets [@r0, @r2]
// CHECK: ckpt.family @b roles ["weight"] targets [@r1]
// CHECK: ckpt.family @whole roles ["weight"] targets [@hub]
ckpt.family @a roles ["weight"] targets [@r0] members dense_resource<a> : tensor<1x8xi64> {
^bb0(%x: !x):
  %0 = ckpt.reshard %x : !x to !y
  ckpt.yield %0 : !y
}
ckpt.family @b roles ["weight"] targets [@r1] members dense_resource<b> : tensor<1x8xi64> {
^bb0(%x: !x):
  %0 = ckpt.reshard %x : !x to !y
  ckpt.yield %0 : !y
}
ckpt.family @c roles ["weight"] targets [@r2] members dense_resource<c> : tensor<1x8xi64> {
^bb0(%x: !x):
  %0 = ckpt.reshard %x : !x to !y
  ckpt.yield %0 : !y
}
ckpt.family @whole roles ["weight"] targets [@hub] members dense_resource<d> : tensor<1x8xi64> {
^bb0(%x: !x):
  ckpt.yield %x : !x
}

{-#
  dialect_resources: {
    builtin: {
      a: "0x0800000003000000000000000100000000000000000000000000000000000000000000000000000000000000050000000000000007000000000000000000000000000000",
      b: "0x0800000003000000000000000100000000000000000000000000000000000000000000000000000000000000060000000000000007000000000000000000000000000000",
      c: "0x0800000003000000000000000100000000000000000000000000000000000000000000000000000000000000070000000000000007000000000000000000000000000000",
      d: "0x0800000003000000000000000100000000000000000000000000000000000000000000000000000000000000080000000000000007000000000000000000000000000000"
    }
  }
#-}
