// RUN: recast-opt %s --convert-ckpt-to-plan --split-input-file --verify-diagnostics

plan.target "hub" format "safetensors" path "/hub" tag ""
// expected-error@+1 {{'ckpt.family' op has no member table: the resource is missing}}
ckpt.family @f roles ["w"] targets [@hub] members dense_resource<gone> : tensor<1x8xi64> {
^bb0(%w: !ckpt.value<tensor<8xbf16>>):
  ckpt.yield %w : !ckpt.value<tensor<8xbf16>>
}

// -----

plan.target "hub" format "safetensors" path "/hub" tag ""
// expected-error@+1 {{'ckpt.family' op output 0 goes to @other, which no plan.target is called}}
ckpt.family @f roles ["w"] targets [@other] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%w: !ckpt.value<tensor<8xbf16>>):
  ckpt.yield %w : !ckpt.value<tensor<8xbf16>>
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x0800000000000000000000000000000000000000000000000000000000000000000000000000000000000000010000000000000002000000000000000000000000000000"
    }
  }
#-}

// -----

plan.target "hub" format "safetensors" path "/hub" tag ""
ckpt.family @f roles ["gate", "up"] targets [@hub]
    members dense_resource<t> : tensor<1x12xi64> {
^bb0(%g: !ckpt.value<tensor<2x4xf32>>, %u: !ckpt.value<tensor<2x4xf32>>):
  // expected-error@+1 {{'ckpt.map' op stands between a load and a store; a recipe works on the elements of one tensor and cannot say this}}
  %0 = ckpt.map %g, %u : !ckpt.value<tensor<2x4xf32>>, !ckpt.value<tensor<2x4xf32>>
      to !ckpt.value<tensor<4x4xf32>> by #ckpt.axes<"(f + f) h", {f = 2, h = 4}>
  ckpt.yield %0 : !ckpt.value<tensor<4x4xf32>>
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x08000000000000000000000000000000000000000000000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000000000010000000000000002000000000000000000000000000000"
    }
  }
#-}

// -----

plan.target "hub" format "safetensors" path "/hub" tag ""
// expected-error@+1 {{'ckpt.family' op has no recipe: recipe: it has no nodes}}
ckpt.family @f roles ["w"] targets [] members dense_resource<t> : tensor<1x5xi64> {
^bb0(%w: !ckpt.value<tensor<8xbf16>>):
  ckpt.yield
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x0800000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    }
  }
#-}

// -----

#packed = #ckpt.layout<mesh = <["tp"], [2]>, axes = <"(f + f) h", {f = 2, h = 4}>,
                       steps = [#ckpt.split<["f"] by ["tp"]>]>
plan.target "hub" format "safetensors" path "/hub" tag ""
// expected-error@+1 {{'ckpt.family' op input 0 packs several logical tensors; a plan's family holds one per member}}
ckpt.family @f roles ["w"] targets [@hub] members dense_resource<t> : tensor<1x8xi64> {
^bb0(%w: !ckpt.value<tensor<4x4xbf16>, on = #packed>):
  %0 = ckpt.reshard %w : !ckpt.value<tensor<4x4xbf16>, on = #packed> to !ckpt.value<tensor<4x4xbf16>>
  ckpt.yield %0 : !ckpt.value<tensor<4x4xbf16>>
}

{-#
  dialect_resources: {
    builtin: {
      t: "0x0800000000000000000000000000000000000000000000000000000000000000000000000000000000000000010000000000000002000000000000000000000000000000"
    }
  }
#-}
