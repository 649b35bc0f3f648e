// RUN: recast-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.reshard' op changes only where a value lies, not 'tensor<8xf32>' to 'tensor<4xf32>'}}
  %0 = ckpt.reshard %x : !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<4xf32>>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.reshard' op changes only where a value lies, not 'tensor<8xf32>' to 'tensor<8xbf16>'}}
  %0 = ckpt.reshard %x : !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<8xbf16>>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{cast to 'i32', which checkpoints do not store}}
  %0 = ckpt.cast %x to i32 : !ckpt.value<tensor<8xf32>>
  return
}

// -----

func.func @f(%x: !ckpt.state) {
  // expected-error@+1 {{cast to 'i32', which checkpoints do not store}}
  %0 = ckpt.cast %x to i32 : !ckpt.state
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.cast' op to 'f8E4M3FN' says what overflow does: `overflow saturate`, for one}}
  %0 = ckpt.cast %x to f8E4M3FN : !ckpt.value<tensor<8xf32>>
  return
}

// -----

func.func @f(%x: !ckpt.state) {
  // expected-error@+1 {{'ckpt.cast' op to 'f8E5M2' says what overflow does}}
  %0 = ckpt.cast %x to f8E5M2 : !ckpt.state
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.cast' op to 'f8E4M3FN' cannot have overflow ieee}}
  %0 = ckpt.cast %x to f8E4M3FN overflow ieee : !ckpt.value<tensor<8xf32>>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.cast' op to 'bf16' cannot have overflow saturate}}
  %0 = ckpt.cast %x to bf16 overflow saturate : !ckpt.value<tensor<8xf32>>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.cast' op from 'f32' to 'si8' is not supported}}
  %0 = ckpt.cast %x to si8 : !ckpt.value<tensor<8xf32>>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{'ckpt.cast' op inferred type(s) '!ckpt.value<tensor<8xbf16>>' are incompatible with return type(s) of operation '!ckpt.value<tensor<4xbf16>>'}}
  %0 = "ckpt.cast"(%x) <{to = bf16}> : (!ckpt.value<tensor<8xf32>>) -> !ckpt.value<tensor<4xbf16>>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>, %y: !ckpt.value<tensor<8xbf16>>) {
  // expected-error@+1 {{requires all operands to have the same type}}
  "ckpt.check_equal"(%x, %y) : (!ckpt.value<tensor<8xf32>>, !ckpt.value<tensor<8xbf16>>) -> ()
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.map' op axes have 2 parts, got 1}}
  %0 = ckpt.map %x : !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<16xf32>> by #ckpt.axes<"(f + f)", {f = 8}>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>, %y: !ckpt.value<tensor<8xbf16>>) {
  // expected-error@+1 {{'ckpt.map' op part 1 holds 'bf16', the stored tensor 'f32'}}
  %0 = ckpt.map %x, %y : !ckpt.value<tensor<8xf32>>, !ckpt.value<tensor<8xbf16>> to !ckpt.value<tensor<16xf32>> by #ckpt.axes<"(f + f)", {f = 8}>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.map' op the stored tensor is 'tensor<15xf32>', axes say 'tensor<16xf32>'}}
  %0 = ckpt.map %x, %x : !ckpt.value<tensor<8xf32>>, !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<15xf32>> by #ckpt.axes<"(f + f)", {f = 8}>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.map' op part 0 is 'tensor<8xf32>', axes say 'tensor<4xf32>'}}
  %0 = ckpt.map %x, %x : !ckpt.value<tensor<8xf32>>, !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<8xf32>> by #ckpt.axes<"(f + f)", {f = 4}>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.map' op the result has no `on`; ckpt.reshard says where it lies}}
  %0 = ckpt.map %x : !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp"], [2]>>> by #ckpt.axes<"f", {f = 8}>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.unmap' op axes have 2 parts, got 1}}
  %0 = ckpt.unmap %x : !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<4xf32>> by #ckpt.axes<"(f + f)", {f = 4}>
  return
}

// -----

func.func @f(%x: !ckpt.value<tensor<8xf32>>) {
  // expected-error@+1 {{'ckpt.unmap' op the results have no `on`; ckpt.reshard says where they lie}}
  %0 = ckpt.unmap %x : !ckpt.value<tensor<8xf32>> to !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["dp"], [2]>>> by #ckpt.axes<"f", {f = 8}>
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{'ckpt.yield' op expects parent op to be one of 'ckpt.family, ckpt.role'}}
  "ckpt.yield"() : () -> ()
  return
}

// -----

// expected-error@+1 {{'ckpt.family' op has 1 inputs and 2 roles}}
ckpt.family @f roles ["a", "b"] targets [@t] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

// -----

// expected-error@+1 {{'ckpt.family' op yields 1 values to 0 targets}}
ckpt.family @f roles ["a"] targets [] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

// -----

// expected-error@+1 {{'ckpt.family' op with 1 inputs and 1 outputs a member has 8 columns, got 5}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<1x5xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

// -----

// expected-error@+1 {{'ckpt.family' op members are a tensor of rows x columns of i64, got 'tensor<6xi64>'}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<6xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

// -----

// expected-error@+1 {{'ckpt.family' op members are a tensor of rows x columns of i64, got 'tensor<1x6xi32>'}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<1x6xi32> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

// -----

// expected-error@+1 {{'ckpt.family' op a family has at least one member}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<0x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

// -----

// expected-error@+1 {{'ckpt.family' op input 0 is a '!ckpt.state', expected a !ckpt.value}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%x: !ckpt.state):
  ckpt.yield %x : !ckpt.state
}

// -----

// expected-error@+1 {{'ckpt.family' op input 1 has another shape than the first: one family, one shape}}
ckpt.family @f roles ["a", "b"] targets [@t] members dense_resource<t> : tensor<1x12xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>, %y: !ckpt.value<tensor<4xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

// -----

// expected-error@+1 {{'ckpt.family' op a family has at least one input}}
ckpt.family @f roles [] targets [] members dense_resource<t> : tensor<1x1xi64> {
  ckpt.yield
}

// -----

// expected-error@+1 {{Invalid attribute `members` in property conversion}}
"ckpt.family"() <{sym_name = "f", roles = [], targets = [], members = dense<0> : tensor<1x1xi64>}> ({
  "ckpt.yield"() : () -> ()
}) : () -> ()

// -----

// expected-error@+1 {{'ckpt.family' op member 1: store -2 of input 0 is out of range}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<2x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x08000000000000000000000000000000000000000000000000000000000000000000000000000000000000000100000000000000020000000000000000000000000000000000000000000000FEFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000010000000000000002000000000000000000000000000000"
    }
  }
#-}

// -----

// expected-error@+1 {{'ckpt.family' op member 0: string id -1 of the name is out of range}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x08000000FFFFFFFFFFFFFFFF0000000000000000000000000000000000000000000000000000000000000000010000000000000002000000000000000000000000000000"
    }
  }
#-}

// -----

// expected-error@+1 {{'ckpt.family' op member 0: input 0 has a negative flat position}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x0800000000000000000000000000000000000000FCFFFFFFFFFFFFFF00000000000000000000000000000000010000000000000002000000000000000000000000000000"
    }
  }
#-}

// -----

// expected-error@+1 {{'ckpt.family' op member 0: a string id of output 0 is out of range}}
ckpt.family @f roles ["a"] targets [@t] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%x: !ckpt.value<tensor<8xf32>>):
  ckpt.yield %x : !ckpt.value<tensor<8xf32>>
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x080000000000000000000000FFFFFFFFFFFFFFFFFCFFFFFFFFFFFFFF000000000000000000000000000000000100000000000000FFFFFFFF000000000000000000000000"
    }
  }
#-}
