// RUN: recast-opt %s --verify-roundtrip | FileCheck %s

// CHECK: #[[MESH:.+]] = #ckpt.mesh<["dp", "tp", "cp"], [2, 4, 2]>
// CHECK: ckpt.source @run format "deepspeed" args ["runs/z3", #ckpt.arg<"tag", "global_step3">]
ckpt.source @run format "deepspeed" args ["runs/z3", #ckpt.arg<"tag", "global_step3">]

// CHECK: ckpt.source @own format "deepspeed" args ["runs/z3"] same [#ckpt.same<"*.mean", [#ckpt.varying<"dp">]>, #ckpt.same<"*.seen", [#ckpt.stage<"dp" at [0, 1]>]>]
ckpt.source @own format "deepspeed" args ["runs/z3"]
    same [#ckpt.same<"*.mean", [#ckpt.varying<"dp">]>, #ckpt.same<"*.seen", [#ckpt.stage<"dp" at [0, 1]>]>]

// CHECK: ckpt.target @new format "deepspeed" args ["runs/tp4", #ckpt.arg<"zero", 1 : i64>] same [#ckpt.same<"*.qkv.weight", [#ckpt.pad<"d0" to 512>, #ckpt.split<["d0"] by ["tp"]>]>, #ckpt.same<"**", []>] on #[[MESH]] replicated ["cp"]
ckpt.target @new format "deepspeed" args ["runs/tp4", #ckpt.arg<"zero", 1 : i64>]
    same [#ckpt.same<"*.qkv.weight", [#ckpt.pad<"d0" to 512>, #ckpt.split<["d0"] by ["tp"]>]>,
          #ckpt.same<"**", []>]
    on #ckpt.mesh<["dp", "tp", "cp"], [2, 4, 2]> replicated ["cp"]
ckpt.target @hub format "safetensors" args ["export"]

// CHECK: ckpt.job @job "convert" from @run to [@new, @hub] {
ckpt.job @job "convert" from @run to [@new, @hub] {
  // CHECK-NEXT: ckpt.role ["master", "exp_avg"] {
  // CHECK-NEXT: ^bb0(%[[X:.+]]: !ckpt.state):
  // CHECK-NEXT:   ckpt.yield %[[X]] : !ckpt.state
  // CHECK-NEXT: }
  ckpt.role ["master", "exp_avg"] {
  ^bb0(%x: !ckpt.state):
    ckpt.yield %x : !ckpt.state
  }
  // CHECK-NEXT: ckpt.role ["weight"] in ["*.qkv.weight"] from "master" for [@hub] {
  // CHECK-NEXT: ^bb0(%[[X:.+]]: !ckpt.state):
  // CHECK-NEXT:   %[[C:.+]] = ckpt.cast %[[X]] to bf16 : !ckpt.state
  // CHECK-NEXT:   %[[D:.+]] = ckpt.cast %[[C]] to f8E5M2 overflow saturate : !ckpt.state
  // CHECK-NEXT:   ckpt.yield %[[D]] : !ckpt.state
  // CHECK-NEXT: }
  ckpt.role ["weight"] in ["*.qkv.weight"] from "master" for [@hub] {
  ^bb0(%x: !ckpt.state):
    %0 = ckpt.cast %x to bf16 : !ckpt.state
    %1 = ckpt.cast %0 to f8E5M2 overflow saturate : !ckpt.state
    ckpt.yield %1 : !ckpt.state
  }
  // CHECK-NEXT: ckpt.role ["buffer"] in ["*.mean"] {
  // CHECK-NEXT: ^bb0(%[[X:.+]]: !ckpt.state):
  // CHECK-NEXT:   %[[S:.+]] = ckpt.select %[[X]] at "tp" = 1 : !ckpt.state
  // CHECK-NEXT:   %[[A:.+]] = ckpt.average %[[S]] : !ckpt.state
  // CHECK-NEXT:   ckpt.yield %[[A]] : !ckpt.state
  // CHECK-NEXT: }
  ckpt.role ["buffer"] in ["*.mean"] {
  ^bb0(%x: !ckpt.state):
    %0 = ckpt.select %x at "tp" = 1 : !ckpt.state
    %1 = ckpt.average %0 : !ckpt.state
    ckpt.yield %1 : !ckpt.state
  }
  // CHECK-NEXT: ckpt.role else {
  ckpt.role else {
  ^bb0(%x: !ckpt.state):
    ckpt.yield %x : !ckpt.state
  }
  // CHECK:      ckpt.drop ["step"] in ["*.bias", "*.norm"] for [@hub]
  ckpt.drop ["step"] in ["*.bias", "*.norm"] for [@hub]
  // CHECK-NEXT: ckpt.drop else
  ckpt.drop else
  // CHECK-NEXT: ckpt.objects ["param_groups"] by_name
  ckpt.objects ["param_groups"] by_name
  // CHECK-NEXT: ckpt.objects ["args.tp", "args.pp"] set 4 : i64 for [@new]
  ckpt.objects ["args.tp", "args.pp"] set 4 : i64 for [@new]
  // CHECK-NEXT: ckpt.objects else drop for [@hub]
  ckpt.objects else drop for [@hub]
  // CHECK-NEXT: ckpt.files ["config.json", "tokenizer*"] from "runs/z3" for [@hub]
  ckpt.files ["config.json", "tokenizer*"] from "runs/z3" for [@hub]
  // CHECK-NEXT: ckpt.expect #ckpt.binary<"==", #ckpt.member<#ckpt.word<"run">, "zero">, 3 : i64>
  ckpt.expect #ckpt.binary<"==", #ckpt.member<#ckpt.word<"run">, "zero">, 3 : i64>
  // CHECK-NEXT: ckpt.check #ckpt.binary<"<=", #ckpt.call<"rel_rmse", [#ckpt.word<"weight">]>, 2.000000e-02 : f64> otherwise "lossless" for [@new]
  ckpt.check #ckpt.binary<"<=", #ckpt.call<"rel_rmse", [#ckpt.word<"weight">]>, 2.000000e-02 : f64>
      otherwise "lossless" for [@new]
  // CHECK-NEXT: ckpt.budget #ckpt.size<536870912>
  ckpt.budget #ckpt.size<536870912>
}

// Types that only stand in signatures.
// CHECK: func.func private @objects(!ckpt.object, !ckpt.state)
func.func private @objects(!ckpt.object, !ckpt.state)
// CHECK: func.func private @steps() attributes {steps = [#ckpt.split<["h"] by ["tp"] rule widths [3, 1]>, #ckpt.split<["g", "r"] by ["tp", "ep"] rule balanced>, #ckpt.chunk<0 by "dp">, #ckpt.flat<"dp" per param>]}
func.func private @steps() attributes {steps = [
  #ckpt.split<["h"] by ["tp"] rule widths [3, 1]>,
  #ckpt.split<["g", "r"] by ["tp", "ep"] rule balanced>,
  #ckpt.chunk<0 by "dp">, #ckpt.flat<"dp" per param>]}
