// RUN: recast-opt %s --ckpt-merge-families | FileCheck %s
// RUN: recast-opt %s --ckpt-merge-families --remarks-filter-passed="ckpt-merge-families" --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#flat = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
!m = !ckpt.value<tensor<8xf32>, on = #flat>

// REMARK: remark: [Passed] OneReadFeedsAll | Category:ckpt-merge-families | Function=a | Remark="family @b joins @a", bytesSaved=64
// REMARK: remark: [Passed] OneReadFeedsAll | Category:ckpt-merge-families | Function=a | Remark="family @c joins @a", bytesSaved=64
// REMARK-NOT: remark

// Three families over the same master become one: read once, checked once.
// CHECK-LABEL: ckpt.family @a roles ["master", "weight"] targets [@uni, @hub, @uni] members dense_resource<a_{{.+}}> : tensor<2x13xi64> {
// CHECK-NEXT:  ^bb0(%[[M:.+]]: !ckpt.value<tensor<8xf32>, on = #{{.+}}>, %[[W:.+]]: !ckpt.value<tensor<8xbf16>, on = #{{.+}}>):
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[M]] to bf16
// CHECK-NEXT:    ckpt.check_equal %[[C]], %[[W]]
// CHECK-NEXT:    ckpt.yield %[[M]], %[[C]], %[[C]]
// CHECK-NOT:   @b
// CHECK-NOT:   @c
ckpt.family @a roles ["master"] targets [@uni] members dense_resource<a> : tensor<2x6xi64> {
^bb0(%m: !m):
  ckpt.yield %m : !m
}
ckpt.family @b roles ["master"] targets [@hub] members dense_resource<b> : tensor<2x6xi64> {
^bb0(%m: !m):
  %0 = ckpt.cast %m to bf16 : !m
  ckpt.yield %0 : !ckpt.value<tensor<8xbf16>, on = #flat>
}
ckpt.family @c roles ["master", "weight"] targets [@uni]
    members dense_resource<c> : tensor<2x9xi64> {
^bb0(%m: !m, %w: !ckpt.value<tensor<8xbf16>, on = #flat>):
  %0 = ckpt.cast %m to bf16 : !m
  ckpt.check_equal %0, %w : !ckpt.value<tensor<8xbf16>, on = #flat>
  ckpt.yield %0 : !ckpt.value<tensor<8xbf16>, on = #flat>
}

// Another store for one member: nothing is shared.
// CHECK: ckpt.family @other_store
ckpt.family @other_store roles ["master"] targets [@hub]
    members dense_resource<d> : tensor<2x6xi64> {
^bb0(%m: !m):
  ckpt.yield %m : !m
}

// Another role: not the same input.
// CHECK: ckpt.family @other_role
ckpt.family @other_role roles ["exp_avg"] targets [@hub]
    members dense_resource<a2> : tensor<2x6xi64> {
^bb0(%m: !m):
  ckpt.yield %m : !m
}

// Scalars are known already: merging them would save no read.
// CHECK: ckpt.family @scalar
// CHECK: ckpt.family @scalar_again
ckpt.family @scalar roles ["step"] targets [@uni] members dense_resource<e> : tensor<2x6xi64> {
^bb0(%s: !ckpt.value<tensor<f32>>):
  ckpt.yield %s : !ckpt.value<tensor<f32>>
}
ckpt.family @scalar_again roles ["step"] targets [@hub]
    members dense_resource<f> : tensor<2x6xi64> {
^bb0(%s: !ckpt.value<tensor<f32>>):
  ckpt.yield %s : !ckpt.value<tensor<f32>>
}

// Rows in the order of @a: name, then store, start, total per input, then name and role per output.
// CHECK: a_{{.+}}: "0x0800000000000000000000000000000000000000000000000000000000000000000000000500000000000000080000000000000000000000000000000A0000000000000014000000000000001E0000000000000015000000000000002800000000000000160000000000000001000000000000000100000000000000000000000000000000000000000000000600000000000000080000000000000000000000000000000B0000000000000014000000000000001F00000000000000150000000000000029000000000000001600000000000000"

{-#
  dialect_resources: {
    builtin: {
      a: "0x0800000000000000000000000000000000000000000000000000000000000000000000000A00000000000000140000000000000001000000000000000100000000000000000000000000000000000000000000000B000000000000001400000000000000",
      b: "0x0800000001000000000000000100000000000000000000000000000000000000000000001F00000000000000150000000000000000000000000000000000000000000000000000000000000000000000000000001E000000000000001500000000000000",
      c: "0x08000000000000000000000000000000000000000000000000000000000000000000000005000000000000000800000000000000000000000000000028000000000000001600000000000000010000000000000001000000000000000000000000000000000000000000000006000000000000000800000000000000000000000000000029000000000000001600000000000000",
      d: "0x08000000000000000000000009000000000000000000000000000000000000000000000032000000000000001700000000000000010000000000000001000000000000000000000000000000000000000000000033000000000000001700000000000000",
      a2: "0x0800000000000000000000000000000000000000000000000000000000000000000000000A00000000000000140000000000000001000000000000000100000000000000000000000000000000000000000000000B000000000000001400000000000000",
      e: "0x080000000000000000000000FFFFFFFFFFFFFFFF050000000000000000000000000000003C0000000000000018000000000000000100000000000000FFFFFFFFFFFFFFFF060000000000000000000000000000003D000000000000001800000000000000",
      f: "0x080000000000000000000000FFFFFFFFFFFFFFFF05000000000000000000000000000000460000000000000018000000000000000100000000000000FFFFFFFFFFFFFFFF0600000000000000000000000000000047000000000000001800000000000000"
    }
  }
#-}
