// RUN: recast-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: !ckpt.state) {
  // expected-error@+1 {{needs the role of at least one state}}
  %0 = ckpt.predict %x with [] args [] : !ckpt.state
  return
}

// -----

func.func @f(%x: !ckpt.state) {
  // expected-error@+1 {{argument 3 : i64 has no name}}
  %0 = ckpt.predict %x with ["momentum_buffer"] args [3 : i64] : !ckpt.state
  return
}

// -----

!v = !ckpt.value<tensor<8xf32>>
!one = !ckpt.value<tensor<f64>>
func.func @f(%w: !v, %k: !one) {
  // expected-error@+1 {{along `adam` has 2 states, got 1}}
  %0 = ckpt.extrapolate adam %w with %w by %k : !v with !v by !one
  return
}

// -----

!v = !ckpt.value<tensor<8xf32>>
!one = !ckpt.value<tensor<f64>>
func.func @f(%w: !v, %k: !one) {
  // expected-error@+1 {{along `velocity` has 1 scalars, and perhaps a decay, got 3}}
  %0 = ckpt.extrapolate velocity %w with %w by %k, %k, %k : !v with !v by !one, !one, !one
  return
}

// -----

!v = !ckpt.value<tensor<8xf32>>
!half = !ckpt.value<tensor<8xbf16>>
!one = !ckpt.value<tensor<f64>>
func.func @f(%w: !v, %x: !half, %k: !one) {
  // expected-error@+1 {{a state is 'tensor<8xbf16>', the weights are 'tensor<8xf32>'}}
  %0 = ckpt.extrapolate velocity %w with %x by %k : !v with !half by !one
  return
}

// -----

!v = !ckpt.value<tensor<8xsi32>>
!one = !ckpt.value<tensor<f64>>
func.func @f(%w: !v, %k: !one) {
  // expected-error@+1 {{there is no arithmetic on 'si32'}}
  %0 = ckpt.extrapolate velocity %w with %w by %k : !v with !v by !one
  return
}

// -----

!v = !ckpt.value<tensor<8xf32>>
func.func @f(%w: !v, %k: !v) {
  // expected-error@+1 {{expected !ckpt.value<tensor<f64>>}}
  %0 = ckpt.extrapolate velocity %w with %w by %k : !v with !v by !v
  return
}

// -----

#varying = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>
!v = !ckpt.value<tensor<8xf32>, on = #varying>
!one = !ckpt.value<tensor<f64>>
func.func @f(%w: !v, %k: !one) {
  // expected-error@+1 {{the values of an operand differ along `tp`}}
  %0 = ckpt.extrapolate velocity %w with %w by %k : !v with !v by !one
  return
}

// -----

!v = !ckpt.value<tensor<8xf32>>
// expected-error@+1 {{input 1 has another shape than the first: one family, one shape}}
ckpt.family @f roles ["weight", "scalar"] targets [@hub] members dense_resource<f> : tensor<1x12xi64> {
^bb0(%w: !v, %k: !ckpt.value<tensor<f32>>):
  ckpt.yield %w : !v
}
