// RUN: recast-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{does not say `microbatches`}}
pipe.schedule @p args [#ckpt.arg<"ranks", 4 : i64>, #ckpt.arg<"schedule", "1f1b">]
// -----
// expected-error @below {{does not say `schedule`}}
pipe.schedule @p args [#ckpt.arg<"ranks", 4 : i64>, #ckpt.arg<"microbatches", 4 : i64>]
// -----
// expected-error @below {{argument `ranks` is a whole number of at least 1}}
pipe.schedule @p args [#ckpt.arg<"ranks", 0 : i64>]
// -----
// expected-error @below {{argument `rank` is unknown}}
pipe.schedule @p args [#ckpt.arg<"rank", 2 : i64>]
// -----
// expected-error @below {{argument `ranks` stands twice}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"ranks", 2 : i64>]
// -----
// expected-error @below {{argument 3 : i64 has no name}}
pipe.schedule @p args [3 : i64]
// -----
// expected-error @below {{argument `update` is `flush` or `every(n)`}}
pipe.schedule @p args [#ckpt.arg<"update", #ckpt.call<"every", [0 : i64]>>]
// -----
// expected-error @below {{argument `weights` is latest, stash, double_buffer or predict(..)}}
pipe.schedule @p args [#ckpt.arg<"weights", #ckpt.word<"newest">>]
// -----
// expected-error @below {{argument `weights` is latest, stash, double_buffer or predict(..)}}
pipe.schedule @p args [#ckpt.arg<"weights", #ckpt.call<"predict", [#ckpt.arg<"s", 4294967297 : i64>]>>]
// -----
// expected-error @below {{argument `weights` is latest, stash, double_buffer or predict(..)}}
pipe.schedule @p args [#ckpt.arg<"weights", #ckpt.call<"predict", [#ckpt.arg<"s", -1 : i64>]>>]
// -----
// expected-error @below {{argument `ties` is `synced`}}
pipe.schedule @p args [#ckpt.arg<"ties", #ckpt.word<"loose">>]
// -----
// expected-error @below {{says `actions` and `rank_of` together}}
pipe.schedule @p args [#ckpt.arg<"ranks", 1 : i64>, #ckpt.arg<"microbatches", 1 : i64>, #ckpt.arg<"actions", "0F0 0B0">]
// -----
// expected-error @below {{says `group`, of which lists are generated, and has `actions`}}
pipe.schedule @p args [#ckpt.arg<"ranks", 1 : i64>, #ckpt.arg<"microbatches", 1 : i64>, #ckpt.arg<"group", 1 : i64>,
    #ckpt.arg<"actions", "0F0 0B0">, #ckpt.arg<"rank_of", [0]>]
// -----
// expected-error @below {{assigns no tensor}}
pipe.schedule @p args [] assign [#pipe.assign<[] at [] to #ckpt.word<"first">>]
// -----
// expected-error @below {{stages are given by uniform, by_cost(params), first, last or stage(n), not #ckpt.word<"middle">}}
pipe.schedule @p args [] assign [#pipe.assign<["x"] at [] to #ckpt.word<"middle">>]
// -----
// expected-error @below {{`microbatches` is a whole number of at least 1}}
pipe.lists @q kind "x" microbatches 0 rank_of [0] actions [""]
// -----
// expected-error @below {{`microbatches` is a whole number of at least 1}}
pipe.lists @q kind "x" microbatches 4294967297 rank_of [0] actions [""]
// -----
// expected-error @below {{`update` is a whole number of at least 1}}
pipe.lists @q kind "x" microbatches 4 update 4294967298 rank_of [0] actions [""]
// -----
// expected-error @below {{`update` is a whole number of at least 1}}
pipe.lists @q kind "x" microbatches 1 update 0 rank_of [0] actions [""]
// -----
// expected-error @below {{has a stage on rank 1 of 1}}
pipe.lists @q kind "x" microbatches 1 rank_of [0, 1] actions [""]
// -----
// expected-error @below {{has a list for rank 1, which has no stage}}
pipe.lists @q kind "x" microbatches 1 rank_of [0] actions ["", ""]
// -----
// expected-error @below {{names @q, which is no pipeline}}
ckpt.target @live format "memory" args [] stages @q
// -----
ckpt.target @live format "memory" args []
// expected-error @below {{has no `stages`: where the stages of a source are, its files say}}
ckpt.source @run format "deepspeed" args ["runs/z3"] stages @live
// -----
ckpt.source @run format "deepspeed" args ["runs/z3"]
ckpt.target @live format "memory" args []
ckpt.job @j "restore" from @run to [@live] {
  // expected-error @below {{names @live, which is no pipeline}}
  ckpt.deadline @live
}
