// RUN: recast-opt %s --cse | FileCheck %s

!whole = !ckpt.value<tensor<8xf32>>

// CHECK-LABEL: func.func @checks_stay
// CHECK:         ckpt.cast
// CHECK-NOT:     ckpt.cast
// CHECK-COUNT-2: ckpt.check_equal
func.func @checks_stay(%x: !whole, %y: !ckpt.value<tensor<8xbf16>>) {
  %0 = ckpt.cast %x to bf16 : !whole
  ckpt.check_equal %0, %y : !ckpt.value<tensor<8xbf16>>
  %1 = ckpt.cast %x to bf16 : !whole
  ckpt.check_equal %1, %y : !ckpt.value<tensor<8xbf16>>
  return
}
