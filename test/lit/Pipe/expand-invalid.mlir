// RUN: recast-opt %s --expand-schedules -split-input-file -verify-diagnostics

// expected-error @below {{there is no kind of schedule '1f1c'}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 2 : i64>, #ckpt.arg<"schedule", "1f1c">]
// -----
// expected-error @below {{dualpipe-v: 3 microbatches are fewer than two per rank (4)}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 3 : i64>, #ckpt.arg<"schedule", "dualpipe-v">]
// -----
// expected-error @below {{rank 1: '1F0x' is no action: 'x' is left over}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 1 : i64>,
    #ckpt.arg<"actions", ["0F0", "1F0x"]>, #ckpt.arg<"rank_of", [0, 1]>]
// -----
// expected-error @below {{`actions` has 1 lists for 2 ranks}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 1 : i64>,
    #ckpt.arg<"actions", ["0F0"]>, #ckpt.arg<"rank_of", [0]>]
// -----
// expected-error @below {{argument `weights` is latest, stash, double_buffer or predict(..)}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 1 : i64>, #ckpt.arg<"schedule", "async">,
    #ckpt.arg<"weights", #ckpt.call<"predict", [#ckpt.arg<"t", 1 : i64>]>>]
// -----
// expected-error @below {{the cost `f` is no number}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 2 : i64>, #ckpt.arg<"schedule", "1f1b">,
    #ckpt.arg<"cost", [#ckpt.arg<"f", "x">]>]
// -----
// expected-error @below {{there is no kind of schedule 'gpipo'}}
pipe.schedule @p args [#ckpt.arg<"ranks", 1 : i64>, #ckpt.arg<"microbatches", 1 : i64>, #ckpt.arg<"schedule", "gpipo">,
    #ckpt.arg<"actions", "0F0 0B0">, #ckpt.arg<"rank_of", 0>]
// -----
// expected-error @below {{2 chunks, but `rank_of` gives a rank 1 stage at most}}
pipe.schedule @p args [#ckpt.arg<"ranks", 1 : i64>, #ckpt.arg<"microbatches", 1 : i64>, #ckpt.arg<"chunks", 2 : i64>,
    #ckpt.arg<"actions", "0F0 0B0">, #ckpt.arg<"rank_of", 0>]
// -----
// expected-error @below {{an update after every 2 microbatches of 1}}
pipe.schedule @p args [#ckpt.arg<"ranks", 1 : i64>, #ckpt.arg<"microbatches", 1 : i64>, #ckpt.arg<"update", #ckpt.call<"every", [2]>>,
    #ckpt.arg<"actions", "0F0 0B0">, #ckpt.arg<"rank_of", 0>]
// -----
// expected-error @below {{gpipe has no groups of microbatches}}
pipe.schedule @p args [#ckpt.arg<"ranks", 1 : i64>, #ckpt.arg<"microbatches", 1 : i64>, #ckpt.arg<"group", 1 : i64>,
    #ckpt.arg<"schedule", "gpipe">]
