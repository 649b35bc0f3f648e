// RUN: recast-opt %s --expand-schedules | FileCheck %s
// RUN: recast-opt %s --expand-schedules | recast-opt --expand-schedules | FileCheck %s

// CHECK: pipe.lists @p kind "1f1b" microbatches 2 rank_of [0, 1] actions ["0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1"]
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 2 : i64>,
                       #ckpt.arg<"schedule", "1f1b">]

// What a kind predicts, and what it is told to predict instead.
// CHECK: pipe.lists @paper kind "pipeoptim-paper" microbatches 3 update 1 weights #ckpt.call<"predict", [{{.*}}#ckpt.arg<"s", #ckpt.word<"paper">>]> rank_of [0, 1] actions ["0PREDICT0@1 0F0 {{.*}}
pipe.schedule @paper args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 3 : i64>,
                           #ckpt.arg<"schedule", #ckpt.word<"pipeoptim_paper">>]
// CHECK: pipe.lists @derived kind "pipeoptim-paper" microbatches 3 update 1 weights #ckpt.call<"predict", [#ckpt.word<"adamw">, #ckpt.arg<"s", #ckpt.word<"derived">>]> rank_of [0, 1] actions ["0F0 0PREDICT1@1 0F1 {{.*}}
pipe.schedule @derived args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 3 : i64>,
    #ckpt.arg<"schedule", #ckpt.word<"pipeoptim_paper">>,
    #ckpt.arg<"weights", #ckpt.call<"predict", [#ckpt.word<"adamw">, #ckpt.arg<"s", #ckpt.word<"derived">>]>>]

// CHECK: pipe.lists @imported kind "explicit" microbatches 1 update 1 weights #ckpt.word<"stash"> rank_of [0, 1] actions ["0F0 0B0", "1F0 1B0"]
pipe.schedule @imported args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 1 : i64>,
    #ckpt.arg<"actions", ["0F0 0B0", "1F0  1B0"]>, #ckpt.arg<"rank_of", [0, 1]>,
    #ckpt.arg<"update", #ckpt.call<"every", [1]>>, #ckpt.arg<"weights", #ckpt.word<"stash">>]
