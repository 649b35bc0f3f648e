// RUN: recast-opt %s --verify-roundtrip | FileCheck %s
// RUN: recast-opt %s --canonicalize | FileCheck %s --check-prefix=CANON

#rows = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>, steps = [#ckpt.split<["d0"] by ["tp"]>]>
#chunks = #ckpt.layout<mesh = <["a", "b"], [2, 4]>, steps = [#ckpt.chunk<0 by "b">]>
#uneven = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>, steps = [#ckpt.split<["d1"] by ["dp"] rule widths [4, 2]>]>
#both = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>, steps = [#ckpt.split<["d0"] by ["tp", "dp"]>]>
#copies = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>>
!rows = !ckpt.value<tensor<8x6xf32>, on = #rows>

shard.grid @grid(shape = 2x4)

// CHECK-LABEL: func.func @edge
// CHECK:         ckpt.import %{{.+}} sharded %{{.+}} : tensor<8x6xf32> to !ckpt.value<tensor<8x6xf32>, on = #{{.+}}>
// CHECK:         ckpt.export %{{.+}} sharded %{{.+}} : !ckpt.value<tensor<8x6xf32>, on = #{{.+}}> to tensor<8x6xf32>
// There and back is nothing; another spelling of the layout is a reshard that moves nothing.
// CANON-LABEL: func.func @edge
// CANON-SAME:    (%[[T:.+]]: tensor<8x6xf32>, %[[V:.+]]: !ckpt.value
// CANON-NEXT:    %[[R:.+]] = ckpt.reshard %[[V]]
// CANON-NEXT:    return %[[T]], %[[R]]
func.func @edge(%t: tensor<8x6xf32>, %v: !rows)
    -> (tensor<8x6xf32>, !ckpt.value<tensor<8x6xf32>, on = #chunks>) {
  %s = shard.sharding @grid split_axes = [[1]] : !shard.sharding
  %0 = ckpt.import %t sharded %s : tensor<8x6xf32> to !rows
  %1 = ckpt.export %0 sharded %s : !rows to tensor<8x6xf32>
  %2 = ckpt.export %v sharded %s : !rows to tensor<8x6xf32>
  %3 = ckpt.import %2 sharded %s : tensor<8x6xf32> to !ckpt.value<tensor<8x6xf32>, on = #chunks>
  return %1, %3 : tensor<8x6xf32>, !ckpt.value<tensor<8x6xf32>, on = #chunks>
}

// CHECK-LABEL: func.func @kinds
// CHECK-COUNT-4: ckpt.import
func.func @kinds(%t: tensor<8x6xf32>, %i: tensor<8x6xi64>) {
  %uneven = shard.sharding @grid split_axes = [[], [0]] sharded_dims_offsets = [0, 4, 6] : !shard.sharding
  %0 = ckpt.import %t sharded %uneven : tensor<8x6xf32> to !ckpt.value<tensor<8x6xf32>, on = #uneven>
  %both = shard.sharding @grid split_axes = [[1, 0]] : !shard.sharding
  %1 = ckpt.import %t sharded %both : tensor<8x6xf32> to !ckpt.value<tensor<8x6xf32>, on = #both>
  %copies = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %2 = ckpt.import %t sharded %copies : tensor<8x6xf32> to !ckpt.value<tensor<8x6xf32>, on = #copies>
  %3 = ckpt.import %i sharded %copies : tensor<8x6xi64> to !ckpt.value<tensor<8x6xsi64>, on = #copies>
  return
}
