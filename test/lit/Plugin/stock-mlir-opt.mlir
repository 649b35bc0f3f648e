// Our dialects and passes in the distribution's own mlir-opt.
// RUN: %mlir_opt --load-dialect-plugin=%recast_plugin --load-pass-plugin=%recast_plugin %s --pass-pipeline="builtin.module(ckpt-normalize,ckpt-merge-families,canonicalize,convert-ckpt-to-plan)" | FileCheck %s
// RUN: not %mlir_opt %s 2>&1 | FileCheck %s --check-prefix=WITHOUT

#flat = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
!m = !ckpt.value<tensor<8xf32>, on = #flat>

// WITHOUT: error:

// CHECK: plan.layout "whole"
// CHECK: plan.layout "on (dp = 2) flat dp per param"
plan.layout "whole"
plan.target "hub" format "safetensors" path "/hub" tag ""

// CHECK: plan.family @weights shape [8] inputs [f32 layout 1] outputs [bf16 layout 0 target 0] recipe "load 0 f32; cast %0 bf16; store %1 0"
ckpt.family @weights roles ["master"] targets [@hub]
    members dense_resource<weights> : tensor<1x8xi64> {
^bb0(%m: !m):
  %0 = ckpt.cast %m to bf16 : !m
  %1 = ckpt.reshard %0 : !ckpt.value<tensor<8xbf16>, on = #flat> to !ckpt.value<tensor<8xbf16>>
  ckpt.yield %1 : !ckpt.value<tensor<8xbf16>>
}

{-#
  dialect_resources: {
    builtin: {
      weights: "0x08000000030000000000000000000000000000000000000000000000000000000000000000000000000000000C0000000000000015000000000000000000000000000000"
    }
  }
#-}
