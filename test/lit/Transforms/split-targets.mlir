// RUN: recast-opt %s --ckpt-split-targets | FileCheck %s
// RUN: recast-opt %s --ckpt-split-targets --ckpt-merge-families | FileCheck %s --check-prefix=BACK

#flat = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
!m = !ckpt.value<tensor<8xf32>, on = #flat>
!w = !ckpt.value<tensor<8xbf16>, on = #flat>

// Each output loads what it needs; what is checked is checked once.
// CHECK: ckpt.family @a roles ["master", "weight"] targets [@uni] members dense_resource<[[A:.+]]> : tensor<2x12xi64> {
// CHECK-NEXT:  ^bb0(%[[M:.+]]: !ckpt.value<tensor<8xf32>, on = #{{.+}}>, %[[W:.+]]: !ckpt.value<tensor<8xbf16>, on = #{{.+}}>):
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[M]] to bf16
// CHECK-NEXT:    ckpt.check_equal %[[C]], %[[W]]
// CHECK-NEXT:    ckpt.yield %[[M]] : {{.+}}
// CHECK-NEXT:  }
// CHECK-NEXT:  ckpt.family @[[B:.+]] roles ["master"] targets [@hub] members dense_resource<[[B_ROWS:.+]]> : tensor<2x8xi64> {
// CHECK-NEXT:  ^bb0(%[[M2:.+]]: !ckpt.value<tensor<8xf32>, on = #{{.+}}>):
// CHECK-NEXT:    %[[C2:.+]] = ckpt.cast %[[M2]] to bf16
// CHECK-NEXT:    ckpt.yield %[[C2]]
// CHECK-NEXT:  }
// CHECK-NEXT:  ckpt.family @{{.+}} roles ["weight"] targets [@other] members dense_resource<[[C_ROWS:.+]]> : tensor<2x8xi64> {
// CHECK-NEXT:  ^bb0(%[[W3:.+]]: !ckpt.value<tensor<8xbf16>, on = #{{.+}}>):
// CHECK-NEXT:    ckpt.yield %[[W3]]
// CHECK-NEXT:  }
// Merging is the way back.
// BACK: ckpt.family @a roles ["master", "weight"] targets [@uni, @hub, @other]
// BACK: ckpt.yield
// BACK-NEXT: }
// BACK-NEXT: ckpt.family @single
ckpt.family @a roles ["master", "weight"] targets [@uni, @hub, @other]
    members dense_resource<a> : tensor<2x18xi64> {
^bb0(%m: !m, %w: !w):
  %0 = ckpt.cast %m to bf16 : !m
  ckpt.check_equal %0, %w : !w
  ckpt.yield %m, %0, %w : !m, !w, !w
}

// One output: nothing to do.
// CHECK: ckpt.family @single roles ["master"] targets [@uni] members dense_resource<single>
ckpt.family @single roles ["master"] targets [@uni] members dense_resource<single> : tensor<1x8xi64> {
^bb0(%m: !m):
  ckpt.yield %m : !m
}

{-#
  dialect_resources: {
    builtin: {
      a: "0x08000000000000000000000000000000000000000000000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000001000000000000000000000000000000020000000000000000000000000000000800000000000000000000000000000000000000000000000100000000000000080000000000000000000000000000000000000000000000020000000000000001000000000000000000000000000000020000000000000001000000000000000000000000000000020000000000000001000000000000000000000000000000",
      single: "0x0800000003000000000000000000000000000000100000000000000000000000000000000000000000000000030000000000000001000000000000000000000000000000"
    }
  }
#-}
