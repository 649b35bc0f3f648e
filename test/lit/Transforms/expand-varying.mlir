// RUN: recast-opt %s --pass-pipeline="builtin.module(ckpt.family(ckpt-expand-varying))" | FileCheck %s
// RUN: recast-opt %s --pass-pipeline="builtin.module(ckpt.family(ckpt-expand-varying),ckpt-normalize,convert-ckpt-to-plan)" | FileCheck %s --check-prefix=PLAN

#varying = #ckpt.layout<mesh = <["dp", "tp"], [2, 3]>, steps = [#ckpt.varying<"tp">, #ckpt.split<["d0"] by ["dp"]>]>
#both = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>, steps = [#ckpt.varying<"tp">, #ckpt.varying<"dp">]>
!varying = !ckpt.value<tensor<8xf32>, on = #varying>
!same = !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 3]>, steps = [#ckpt.split<["d0"] by ["dp"]>]>>

// CHECK-DAG: #[[$V0:.+]] = #ckpt.layout<mesh = #{{.+}}, steps = [#ckpt.stage<"tp" at [0]>, #ckpt.split<["d0"] by ["dp"]>]>
// CHECK-DAG: #[[$V1:.+]] = #ckpt.layout<mesh = #{{.+}}, steps = [#ckpt.stage<"tp" at [1]>, #ckpt.split<["d0"] by ["dp"]>]>
// CHECK-DAG: #[[$V2:.+]] = #ckpt.layout<mesh = #{{.+}}, steps = [#ckpt.stage<"tp" at [2]>, #ckpt.split<["d0"] by ["dp"]>]>

// PLAN: plan.layout "on (dp = 2, tp = 3) stage tp at 0 split d0 by dp"
// PLAN: plan.layout "on (dp = 2, tp = 3) stage tp at 1 split d0 by dp"
// PLAN: plan.layout "on (dp = 2, tp = 3) stage tp at 2 split d0 by dp"
plan.layout "whole"
plan.target "hub" format "safetensors" path "/hub" tag ""

// The versions are loads of their own with the columns of the input; the version that is selected
// too is loaded once.
// CHECK-LABEL: ckpt.family @mean roles ["w", "w", "w", "w"]
// CHECK-SAME:    tensor<1x23xi64>
// CHECK-NEXT:  ^bb0(%{{.+}}: !ckpt.value<tensor<8xf32>, on = #{{.+}}>, %[[A:.+]]: !ckpt.value<tensor<8xf32>, on = #[[$V0]]>, %[[B:.+]]: !ckpt.value<tensor<8xf32>, on = #[[$V1]]>, %[[C:.+]]: !ckpt.value<tensor<8xf32>, on = #[[$V2]]>):
// CHECK-DAG:     %[[RA:.+]] = ckpt.reshard %[[A]]
// CHECK-DAG:     %[[RB:.+]] = ckpt.reshard %[[B]]
// CHECK-DAG:     %[[RC:.+]] = ckpt.reshard %[[C]]
// CHECK:         ckpt.mean %[[RA]], %[[RB]], %[[RC]]
// CHECK-NOT:     ckpt.select
// CHECK-NOT:     ckpt.average
// PLAN: plan.family @mean shape [8] inputs [f32 layout 1, f32 layout 2, f32 layout 3] outputs [bf16 layout 0 target 0, f32 layout 0 target 0] recipe "load 0 f32; load 1 f32; load 2 f32; cast %0 f64; cast %1 f64; add %3 %4; cast %2 f64; add %5 %6; divide %7 3; cast %8 f32; cast %9 bf16; store %10 0; store %1 1"
ckpt.family @mean roles ["w"] targets [@hub, @hub] members dense_resource<mean> : tensor<1x11xi64> {
^bb0(%x: !varying):
  %0 = ckpt.average %x : !varying
  %1 = ckpt.cast %0 to bf16 : !same
  %2 = ckpt.reshard %1 : !ckpt.value<tensor<8xbf16>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 3]>, steps = [#ckpt.split<["d0"] by ["dp"]>]>> to !ckpt.value<tensor<8xbf16>>
  %3 = ckpt.select %x at "tp" = 1 : !varying
  %4 = ckpt.reshard %3 : !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 3]>, steps = [#ckpt.stage<"tp" at [1]>, #ckpt.split<["d0"] by ["dp"]>]>> to !ckpt.value<tensor<8xf32>>
  ckpt.yield %2, %4 : !ckpt.value<tensor<8xbf16>>, !ckpt.value<tensor<8xf32>>
}

// Versions in rank order, dp major, whatever the order of the steps; a partial mean selects first.
// CHECK-LABEL: ckpt.family @partial
// CHECK-NEXT:  ^bb0(%{{.+}}: !ckpt.value<tensor<8xf64>, on = #{{.+}}>, %[[A:.+]]: {{.+}}, %[[B:.+]]: {{.+}}):
// CHECK:         ckpt.mean
// PLAN: plan.family @partial {{.*}} inputs [f64 layout 4, f64 layout 5] outputs [f64 layout 0 target 0] recipe "load 0 f64; load 1 f64; add %0 %1; divide %2 2; store %3 0"
ckpt.family @partial roles ["w"] targets [@hub] members dense_resource<partial> : tensor<1x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf64>, on = #both>):
  %0 = ckpt.select %x at "dp" = 1 : !ckpt.value<tensor<8xf64>, on = #both>
  %1 = ckpt.average %0 : !ckpt.value<tensor<8xf64>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>, steps = [#ckpt.varying<"tp">, #ckpt.stage<"dp" at [1]>]>>
  %2 = ckpt.reshard %1 : !ckpt.value<tensor<8xf64>, on = #ckpt.layout<mesh = <["dp", "tp"], [2, 2]>, steps = [#ckpt.stage<"dp" at [1]>]>> to !ckpt.value<tensor<8xf64>>
  ckpt.yield %2 : !ckpt.value<tensor<8xf64>>
}

{-#
  dialect_resources: {
    builtin: {
      mean: "0x08000000030000000000000007000000000000000500000000000000000000000000000000000000000000000C00000000000000150000000000000000000000000000000D0000000000000016000000000000000000000000000000",
      partial: "0x08000000030000000000000007000000000000000500000000000000000000000000000000000000000000000C0000000000000015000000000000000000000000000000"
    }
  }
#-}
