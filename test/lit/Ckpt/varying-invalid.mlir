// RUN: recast-opt %s --split-input-file --verify-diagnostics

#varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
func.func @f(%x: !ckpt.value<tensor<8xf32>, on = #varying>) {
  // expected-error@+1 {{the values differ along `tp`; ckpt.average or ckpt.select says which are meant}}
  %0 = ckpt.reshard %x : !ckpt.value<tensor<8xf32>, on = #varying> to !ckpt.value<tensor<8xf32>>
  return
}

// -----

#varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{the values differ along `tp`}}
  %0 = ckpt.reshard %x : !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<8xf32>, on = #varying>
  return
}

// -----

#varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
func.func @f(%x: !ckpt.value<tensor<8xf32>, on = #varying>) {
  // expected-error@+1 {{the values differ along `tp`}}
  %0 = ckpt.map %x : !ckpt.value<tensor<8xf32>, on = #varying> to !ckpt.value<tensor<2x4xf32>>
      by #ckpt.axes<"a b", {a = 2, b = 4}>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{the operand does not vary along `tp`}}
  %0 = ckpt.select %x at "tp" = 0 : !ckpt.value<tensor<8xf32>>
  return
}

// -----

#varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
func.func @f(%x: !ckpt.value<tensor<8xf32>, on = #varying>) {
  // expected-error@+1 {{there is no coordinate 2 of `tp`, which has 2}}
  %0 = ckpt.select %x at "tp" = 2 : !ckpt.value<tensor<8xf32>, on = #varying>
  return
}

// -----

#varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
func.func @f(%x: !ckpt.value<tensor<8xf32>, on = #varying>) {
  // expected-error@+1 {{attribute 'coordinate' failed to satisfy constraint}}
  %0 = ckpt.select %x at "tp" = -1 : !ckpt.value<tensor<8xf32>, on = #varying>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{the operand is the same on all ranks}}
  %0 = ckpt.average %x : !ckpt.value<tensor<8xf32>>
  return
}

// -----

#varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
func.func @f(%x: !ckpt.value<tensor<8xsi64>, on = #varying>) {
  // expected-error@+1 {{there is no mean of 'si64'}}
  %0 = ckpt.average %x : !ckpt.value<tensor<8xsi64>, on = #varying>
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{expected 1 or more operands, but found 0}}
  %0 = "ckpt.mean"() : () -> !ckpt.value<tensor<8xf32>>
  return
}
