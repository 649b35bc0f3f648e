// RUN: recast-opt %s --split-input-file --verify-diagnostics

shard.grid @grid(shape = 2x4)
func.func @f(%t: tensor<8x6xf32>) {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  // expected-error@+1 {{the sharding says `on (g0 = 2, g1 = 4) split d0 by g0`, the value lies `on (dp = 2, tp = 4) split d0 by tp`}}
  %0 = ckpt.import %t sharded %s : tensor<8x6xf32> to !ckpt.value<tensor<8x6xf32>,
      on = #ckpt.layout<mesh = <["dp", "tp"], [2, 4]>, steps = [#ckpt.split<["d0"] by ["tp"]>]>>
  return
}

// -----

shard.grid @grid(shape = 2)
func.func @f(%v: !ckpt.value<tensor<8xf32>, on = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>>) {
  %s = shard.sharding @grid split_axes = [[]] : !shard.sharding
  // expected-error@+1 {{the value lies `on (tp = 2) varying tp`}}
  %0 = ckpt.export %v sharded %s : !ckpt.value<tensor<8xf32>,
      on = #ckpt.layout<mesh = <["tp"], [2]>, steps = [#ckpt.varying<"tp">]>> to tensor<8xf32>
  return
}

// -----

shard.grid @grid(shape = 2)
func.func @f(%t: tensor<8xf32>) {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  // expected-error@+1 {{is not 'tensor<8xbf16>'}}
  %0 = ckpt.import %t sharded %s : tensor<8xf32> to !ckpt.value<tensor<8xbf16>,
      on = #ckpt.layout<mesh = <["dp"], [2]>, steps = [#ckpt.chunk<0 by "dp">]>>
  return
}

// -----

shard.grid @grid(shape = ?)
func.func @f(%t: tensor<8xf32>) {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  // expected-error@+1 {{the size of axis 0 of grid @grid is not static}}
  %0 = ckpt.import %t sharded %s : tensor<8xf32> to !ckpt.value<tensor<8xf32>>
  return
}

// -----

shard.grid @grid(shape = 2)
func.func @f(%t: tensor<8xf32>, %s: !shard.sharding) {
  // expected-error@+1 {{the sharding is given by a shard.sharding}}
  %0 = ckpt.import %t sharded %s : tensor<8xf32> to !ckpt.value<tensor<8xf32>>
  return
}

// -----

shard.grid @grid(shape = 2)
func.func @f(%t: tensor<8xf32>) {
  %s = shard.sharding @grid split_axes = [[0]] halo_sizes = [1, 1] : !shard.sharding
  // expected-error@+1 {{the sharding has halos}}
  %0 = ckpt.import %t sharded %s : tensor<8xf32> to !ckpt.value<tensor<8xf32>>
  return
}

// -----

shard.grid @grid(shape = 2)
func.func @f(%t: tensor<7xf32>) {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  // expected-error@+1 {{the sharding does not fit the tensor}}
  %0 = ckpt.import %t sharded %s : tensor<7xf32> to !ckpt.value<tensor<7xf32>>
  return
}
