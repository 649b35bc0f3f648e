// RUN: recast-opt %s --convert-ckpt-to-plan | FileCheck %s

#flat = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
#rows = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.chunk<0 by "dp">]>
!m = !ckpt.value<tensor<8xf32>, on = #flat>
!w = !ckpt.value<tensor<8xbf16>, on = #rows>

// CHECK:      plan.layout "whole"
// CHECK-NEXT: plan.layout "on (dp = 2) flat dp per param"
// CHECK-NEXT: plan.layout "on (dp = 2) chunk 0 by dp"
// CHECK-NEXT: plan.target "uni"
plan.layout "whole"
plan.target "uni" format "deepspeed_universal" path "/uni" tag "step1"
plan.target "hub" format "safetensors" path "/hub" tag ""

// Reshards are addressing; equal casts are one node; the stores come last, in the order of yields.
// CHECK: plan.family @all shape [8] inputs [f32 layout 1, bf16 layout 2] outputs [f32 layout 0 target 0, bf16 layout 0 target 1, bf16 layout 2 target 1] recipe "load 0 f32; load 1 bf16; cast %0 bf16; check %2 %1; store %0 0; store %2 1; store %2 2" members dense_resource<all> : tensor<1x18xi64>
ckpt.family @all roles ["master", "weight"] targets [@uni, @hub, @hub]
    members dense_resource<all> : tensor<1x18xi64> {
^bb0(%m: !m, %w: !w):
  %0 = ckpt.reshard %m : !m to !ckpt.value<tensor<8xf32>>
  %1 = ckpt.cast %0 to bf16 : !ckpt.value<tensor<8xf32>>
  %2 = ckpt.reshard %m : !m to !ckpt.value<tensor<8xf32>, on = #rows>
  %3 = ckpt.cast %2 to bf16 : !ckpt.value<tensor<8xf32>, on = #rows>
  ckpt.check_equal %3, %w : !w
  ckpt.yield %0, %1, %3 : !ckpt.value<tensor<8xf32>>, !ckpt.value<tensor<8xbf16>>, !w
}

// What nothing needs is neither loaded nor kept in the table, and dead casts are no nodes.
// CHECK: plan.family @unused shape [8] inputs [bf16 layout 2] outputs [bf16 layout 0 target 1] recipe "load 0 bf16; store %0 0" members dense_resource<unused_{{.+}}> : tensor<1x8xi64>
ckpt.family @unused roles ["master", "weight"] targets [@hub]
    members dense_resource<unused> : tensor<1x12xi64> {
^bb0(%m: !m, %w: !w):
  %0 = ckpt.cast %m to bf16 : !m
  %1 = ckpt.reshard %w : !w to !ckpt.value<tensor<8xbf16>>
  ckpt.yield %1 : !ckpt.value<tensor<8xbf16>>
}

// Overflow is part of the recipe.
// CHECK: plan.family @fp8 {{.*}} recipe "load 0 f32; cast %0 f8e4m3fn saturate; store %1 0"
ckpt.family @fp8 roles ["master"] targets [@hub] members dense_resource<fp8> : tensor<1x8xi64> {
^bb0(%m: !m):
  %0 = ckpt.cast %m to f8E4M3FN overflow saturate : !m
  %1 = ckpt.reshard %0 : !ckpt.value<tensor<8xf8E4M3FN>, on = #flat>
      to !ckpt.value<tensor<8xf8E4M3FN>>
  ckpt.yield %1 : !ckpt.value<tensor<8xf8E4M3FN>>
}

// A family that only checks stores nothing.
// CHECK: plan.family @only_checks {{.*}} outputs [] recipe "load 0 bf16; load 1 bf16; check %0 %1"
ckpt.family @only_checks roles ["weight", "weight"] targets []
    members dense_resource<only_checks> : tensor<1x9xi64> {
^bb0(%a: !w, %b: !w):
  ckpt.check_equal %a, %b : !w
  ckpt.yield
}

// CHECK-NOT: ckpt.
// CHECK: unused_{{.+}}: "0x08000000030000000000000008000000000000000000000000000000000000000000000000000000000000000C0000000000000015000000000000000000000000000000"

{-#
  dialect_resources: {
    builtin: {
      all: "0x080000000300000000000000070000000000000000000000000000000000000000000000000000000000000008000000000000000000000000000000000000000000000000000000000000000A00000000000000140000000000000000000000000000000B00000000000000150000000000000000000000000000000C0000000000000015000000000000000000000000000000",
      unused: "0x080000000300000000000000070000000000000000000000000000000000000000000000000000000000000008000000000000000000000000000000000000000000000000000000000000000C0000000000000015000000000000000000000000000000",
      fp8: "0x08000000030000000000000007000000000000000000000000000000000000000000000000000000000000000C0000000000000015000000000000000000000000000000",
      only_checks: "0x08000000030000000000000007000000000000000000000000000000000000000000000000000000000000000800000000000000000000000000000000000000000000000000000000000000"
    }
  }
#-}
