// RUN: recast-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{a checkpoint value has a static shape}}
func.func private @f(!ckpt.value<tensor<?xf32>>)

// -----

// expected-error@+1 {{a checkpoint value has no tensor encoding}}
func.func private @f(!ckpt.value<tensor<2xf32, "x">>)

// -----

// expected-error@+1 {{element type 'i32' is not one that checkpoints store; write its sign, as in si32}}
func.func private @f(!ckpt.value<tensor<2xi32>>)

// -----

// expected-error@+1 {{element type 'index' is not one that checkpoints store}}
func.func private @f(!ckpt.value<tensor<2xindex>>)

// -----

// expected-error@+1 {{cannot lie so: }}
func.func private @f(!ckpt.value<tensor<2xf32>, on = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.chunk<1 by "dp">]>>)

// -----

// expected-error@+1 {{cannot lie so: }}
func.func private @f(!ckpt.value<tensor<7x2xf32>, on = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.split<["d0"] by ["tp"]>]>>)

// -----

// expected-error@+1 {{cannot lie so: }}
func.func private @f(!ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["tp"], [2]>, axes = <"g r", {g = 2, r = 2}>, steps = [#ckpt.split<["g"] by ["tp"]>]>>)

// -----

// expected-error@+1 {{packs its parts into}}
func.func private @f(!ckpt.value<tensor<5x4xf32>, on = #ckpt.layout<mesh = <["tp"], [2]>, axes = <"(f + f) h", {f = 2, h = 4}>, steps = [#ckpt.split<["f"] by ["tp"]>]>>)

// -----

// expected-error@+1 {{two pieces hold the same element}}
func.func private @f(!ckpt.value<tensor<8xf32>, on = #ckpt.layout<steps = [#ckpt.pieces<"{0 -> 0 [4:1:1], 3 -> 4}">]>>)

// -----

// expected-error@+1 {{pieces are listed for 1 ranks of 2}}
func.func private @f(!ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.pieces<"{0 -> 0}">]>>)

// -----

// expected-error@+1 {{the step does not say which coordinate owns the tensor}}
func.func private @f(!ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["pp"], [2]>, steps = [#ckpt.stage<"pp">]>>)

// -----

// expected-error@+1 {{mesh axis tp is used twice on the same tensor}}
func.func private @f(!ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">, #ckpt.split<["d0"] by ["tp"]>]>>)
