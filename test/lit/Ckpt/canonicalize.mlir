// RUN: recast-opt %s --canonicalize | FileCheck %s

#dp = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.chunk<0 by "dp">]>
#flat = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.flat<"dp" per param>]>
!whole = !ckpt.value<tensor<8xf32>>
!dp = !ckpt.value<tensor<8xf32>, on = #dp>
!flat = !ckpt.value<tensor<8xf32>, on = #flat>

// CHECK-LABEL: func.func @reshard_to_the_same
// CHECK-SAME:    (%[[X:.+]]: !ckpt.value
// CHECK-NEXT:    return %[[X]]
func.func @reshard_to_the_same(%x: !dp) -> !dp {
  %0 = ckpt.reshard %x : !dp to !dp
  return %0 : !dp
}

// CHECK-LABEL: func.func @reshard_there_and_back
// CHECK-SAME:    (%[[X:.+]]: !ckpt.value
// CHECK-NEXT:    return %[[X]]
func.func @reshard_there_and_back(%x: !dp) -> !dp {
  %0 = ckpt.reshard %x : !dp to !whole
  %1 = ckpt.reshard %0 : !whole to !flat
  %2 = ckpt.reshard %1 : !flat to !dp
  return %2 : !dp
}

// CHECK-LABEL: func.func @reshard_of_reshard
// CHECK-SAME:    (%[[X:.+]]: !ckpt.value
// CHECK-NEXT:    %[[R:.+]] = ckpt.reshard %[[X]] : !ckpt.value<tensor<8xf32>, on = #{{.+}}> to !ckpt.value<tensor<8xf32>, on = #{{.+}}>
// CHECK-NEXT:    return %[[R]]
func.func @reshard_of_reshard(%x: !dp) -> !flat {
  %0 = ckpt.reshard %x : !dp to !whole
  %1 = ckpt.reshard %0 : !whole to !flat
  return %1 : !flat
}

// CHECK-LABEL: func.func @cast_to_the_same
// CHECK-SAME:    (%[[X:.+]]: !ckpt.value
// CHECK-NEXT:    return %[[X]]
func.func @cast_to_the_same(%x: !whole) -> !whole {
  %0 = ckpt.cast %x to f32 : !whole
  return %0 : !whole
}

// Casts of floats make signalling NaNs quiet, so the pair is not the identity.
// CHECK-LABEL: func.func @widen_floats_and_back
// CHECK-COUNT-2: ckpt.cast
// CHECK:         return
func.func @widen_floats_and_back(%x: !ckpt.value<tensor<8xbf16>>) -> !ckpt.value<tensor<8xbf16>> {
  %0 = ckpt.cast %x to f32 : !ckpt.value<tensor<8xbf16>>
  %1 = ckpt.cast %0 to bf16 : !whole
  return %1 : !ckpt.value<tensor<8xbf16>>
}

// Rounding there and back is not the identity, and rounding twice is not rounding once.
// CHECK-LABEL: func.func @round_and_back
// CHECK-COUNT-2: ckpt.cast
// CHECK:         return
func.func @round_and_back(%x: !whole) -> !whole {
  %0 = ckpt.cast %x to bf16 : !whole
  %1 = ckpt.cast %0 to f32 : !ckpt.value<tensor<8xbf16>>
  return %1 : !whole
}

// CHECK-LABEL: func.func @round_twice
// CHECK-COUNT-2: ckpt.cast
// CHECK:         return
func.func @round_twice(%x: !whole) -> !ckpt.value<tensor<8xf8E5M2>> {
  %0 = ckpt.cast %x to bf16 : !whole
  %1 = ckpt.cast %0 to f8E5M2 overflow saturate : !ckpt.value<tensor<8xbf16>>
  return %1 : !ckpt.value<tensor<8xf8E5M2>>
}

// Nothing is known of a state: its casts stay.
// CHECK-LABEL: func.func @states
// CHECK-COUNT-2: ckpt.cast
// CHECK:         return
func.func @states(%x: !ckpt.state) -> !ckpt.state {
  %0 = ckpt.cast %x to f32 : !ckpt.state
  %1 = ckpt.cast %0 to f32 : !ckpt.state
  return %1 : !ckpt.state
}

// CHECK-LABEL: func.func @unmap_of_map
// CHECK-SAME:    (%[[Q:.+]]: !ckpt.value<tensor<6x4xf32>>, %[[K:.+]]: !ckpt.value<tensor<2x4xf32>>)
// CHECK-NEXT:    return %[[Q]], %[[K]]
#axes = #ckpt.axes<"((g r) + g) h", {g = 2, h = 4, r = 3}>
func.func @unmap_of_map(%q: !ckpt.value<tensor<6x4xf32>>, %k: !ckpt.value<tensor<2x4xf32>>)
    -> (!ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>) {
  %0 = ckpt.map %q, %k : !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>
      to !ckpt.value<tensor<8x4xf32>> by #axes
  %1:2 = ckpt.unmap %0 : !ckpt.value<tensor<8x4xf32>>
      to !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>> by #axes
  return %1#0, %1#1 : !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>
}

// A check has an effect: it is neither erased nor merged with an equal one.
// CHECK-LABEL: func.func @checks
// CHECK-COUNT-2: ckpt.check_equal
func.func @checks(%x: !whole, %y: !whole) {
  ckpt.check_equal %x, %y : !whole
  ckpt.check_equal %x, %y : !whole
  return
}

// CHECK-LABEL: func.func @map_of_unmap
// CHECK-SAME:    (%[[F:.+]]: !ckpt.value<tensor<8x4xf32>>)
// CHECK-NEXT:    return %[[F]]
func.func @map_of_unmap(%f: !ckpt.value<tensor<8x4xf32>>) -> !ckpt.value<tensor<8x4xf32>> {
  %0:2 = ckpt.unmap %f : !ckpt.value<tensor<8x4xf32>>
      to !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>> by #axes
  %1 = ckpt.map %0#0, %0#1 : !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<2x4xf32>>
      to !ckpt.value<tensor<8x4xf32>> by #axes
  return %1 : !ckpt.value<tensor<8x4xf32>>
}

// In another order, or with parts of others, it is another tensor.
// CHECK-LABEL: func.func @map_of_other_parts
// CHECK-NEXT:    ckpt.unmap
// CHECK-NEXT:    ckpt.map
// CHECK-NEXT:    return
#pair = #ckpt.axes<"(f + f) h", {f = 2, h = 4}>
func.func @map_of_other_parts(%f: !ckpt.value<tensor<4x4xf32>>) -> !ckpt.value<tensor<4x4xf32>> {
  %0:2 = ckpt.unmap %f : !ckpt.value<tensor<4x4xf32>>
      to !ckpt.value<tensor<2x4xf32>>, !ckpt.value<tensor<2x4xf32>> by #pair
  %1 = ckpt.map %0#1, %0#0 : !ckpt.value<tensor<2x4xf32>>, !ckpt.value<tensor<2x4xf32>>
      to !ckpt.value<tensor<4x4xf32>> by #pair
  return %1 : !ckpt.value<tensor<4x4xf32>>
}

// Axes that leave every element where it is are no map; a transposition is one.
// CHECK-LABEL: func.func @identity_maps
// CHECK-SAME:    (%[[X:.+]]: !ckpt.value<tensor<6x4xf32>>)
// CHECK-NEXT:    %[[T:.+]] = ckpt.map %[[X]]
// CHECK-NEXT:    return %[[X]], %[[X]], %[[T]]
func.func @identity_maps(%x: !ckpt.value<tensor<6x4xf32>>)
    -> (!ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<4x6xf32>>) {
  %0 = ckpt.map %x : !ckpt.value<tensor<6x4xf32>> to !ckpt.value<tensor<6x4xf32>>
      by #ckpt.axes<"(g d) h", {g = 2, d = 3, h = 4}>
  %1 = ckpt.unmap %x : !ckpt.value<tensor<6x4xf32>> to !ckpt.value<tensor<6x4xf32>>
      by #ckpt.axes<"(g d) h -> (g d) h", {g = 2, d = 3, h = 4}>
  %2 = ckpt.map %x : !ckpt.value<tensor<6x4xf32>> to !ckpt.value<tensor<4x6xf32>>
      by #ckpt.axes<"g h -> h g", {g = 6, h = 4}>
  return %0, %1, %2 : !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<6x4xf32>>, !ckpt.value<tensor<4x6xf32>>
}

// A cast that rounds nothing does not show in the next one.
// CHECK-LABEL: func.func @cast_of_exact_cast
// CHECK-SAME:    (%[[X:.+]]: !ckpt.value<tensor<8xbf16>>)
// CHECK-NEXT:    %[[C:.+]] = ckpt.cast %[[X]] to f16 : !ckpt.value<tensor<8xbf16>>
// CHECK-NEXT:    return %[[C]]
func.func @cast_of_exact_cast(%x: !ckpt.value<tensor<8xbf16>>) -> !ckpt.value<tensor<8xf16>> {
  %0 = ckpt.cast %x to f32 : !ckpt.value<tensor<8xbf16>>
  %1 = ckpt.cast %0 to f16 : !whole
  return %1 : !ckpt.value<tensor<8xf16>>
}
