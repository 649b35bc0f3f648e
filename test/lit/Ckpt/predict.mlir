// RUN: recast-opt %s --verify-roundtrip | FileCheck %s
// RUN: recast-opt %s --ckpt-normalize | FileCheck %s --check-prefix=NORMAL

#rows = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.split<["d0"] by ["dp"]>]>
#flat = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
!rows = !ckpt.value<tensor<8xf32>, on = #rows>
!flat = !ckpt.value<tensor<8xf32>, on = #flat>
!one = !ckpt.value<tensor<f64>>

// CHECK-LABEL: ckpt.job @rule
// CHECK:         ckpt.predict %{{.+}} with ["exp_avg", "exp_avg_sq"] args [#ckpt.arg<"s", 3 : i64>, #ckpt.arg<"rule", #ckpt.word<"adamw">>] : !ckpt.state
ckpt.source @run format "deepspeed" args ["runs/z3"]
ckpt.target @uni format "deepspeed_universal" args ["runs/u"]
ckpt.job @rule "convert" from @run to [@uni] {
  ckpt.role ["ahead"] from "master" {
  ^bb0(%x: !ckpt.state):
    %0 = ckpt.predict %x with ["exp_avg", "exp_avg_sq"]
        args [#ckpt.arg<"s", 3 : i64>, #ckpt.arg<"rule", #ckpt.word<"adamw">>] : !ckpt.state
    %1 = ckpt.cast %0 to bf16 : !ckpt.state
    ckpt.yield %1 : !ckpt.state
  }
}

// The states lie elsewhere than the weights. The reshard stays behind the prediction: a recipe sees
// neither.
// CHECK-LABEL: ckpt.family @ahead
// CHECK:         ckpt.extrapolate adam %{{.+}} with %{{.+}}, %{{.+}} by %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} :
// NORMAL-LABEL: ckpt.family @ahead
// NORMAL-NEXT: ^bb0(%[[W:[^:]+]]: {{.+}}, %[[M:[^:]+]]: {{.+}}, %[[V:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %{{[^:]+}}: {{.+}}, %{{[^:]+}}: {{.+}}, %{{[^:]+}}: !ckpt.value<tensor<f64>>):
// NORMAL-NEXT:   %[[A:.+]] = ckpt.extrapolate adam %[[W]] with %[[M]], %[[V]] by %[[K]]
// NORMAL-NEXT:   %[[R:.+]] = ckpt.reshard %[[A]]
// NORMAL-NEXT:   %[[C:.+]] = ckpt.cast %[[R]] to bf16
// NORMAL-NEXT:   ckpt.yield %[[C]]
ckpt.family @ahead roles ["master", "exp_avg", "exp_avg_sq", "scalar", "scalar", "scalar", "scalar"] targets [@hub]
    members dense_resource<ahead> : tensor<1x32xi64> {
^bb0(%w: !rows, %m: !flat, %v: !rows, %k: !one, %c1: !one, %c2: !one, %e: !one):
  %0 = ckpt.extrapolate adam %w with %m, %v by %k, %c1, %c2, %e : !rows with !flat, !rows by !one, !one, !one, !one
  %1 = ckpt.cast %0 to bf16 : !rows
  %2 = ckpt.reshard %1 : !ckpt.value<tensor<8xbf16>, on = #rows> to !ckpt.value<tensor<8xbf16>>
  ckpt.yield %2 : !ckpt.value<tensor<8xbf16>>
}
