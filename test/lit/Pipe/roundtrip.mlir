// RUN: recast-opt %s | recast-opt | FileCheck %s

// CHECK: pipe.schedule @p args [#ckpt.arg<"ranks", 4 : i64>, #ckpt.arg<"microbatches", 8 : i64>, #ckpt.arg<"schedule", "1f1b">, #ckpt.arg<"update", #ckpt.call<"every", [1]>>] assign [#pipe.assign<["embed.*"] at [] to #ckpt.word<"first">>, #pipe.assign<["layer.*"] at [] to #ckpt.call<"by_cost", [#ckpt.word<"params">]>>, #pipe.assign<["x"] at [] to #ckpt.call<"stage", [2]>>]
pipe.schedule @p args [#ckpt.arg<"ranks", 4 : i64>, #ckpt.arg<"microbatches", 8 : i64>,
                       #ckpt.arg<"schedule", "1f1b">, #ckpt.arg<"update", #ckpt.call<"every", [1]>>]
    assign [#pipe.assign<["embed.*"] at [] to #ckpt.word<"first">>,
            #pipe.assign<["layer.*"] at [] to #ckpt.call<"by_cost", [#ckpt.word<"params">]>>,
            #pipe.assign<["x"] at [] to #ckpt.call<"stage", [2]>>]

// CHECK: pipe.lists @q kind "gpipe" microbatches 2 update 2 weights #ckpt.word<"latest"> rank_of [0, 1] actions ["0F0 0F1 0B0 0B1", "1F0 1F1 1B0 1B1"]
pipe.lists @q kind "gpipe" microbatches 2 update 2 weights #ckpt.word<"latest"> rank_of [0, 1]
    actions ["0F0 0F1 0B0 0B1", "1F0 1F1 1B0 1B1"]

ckpt.source @run format "deepspeed" args ["runs/z3"]
// CHECK: ckpt.target @live format "memory" args [] stages @p
ckpt.target @live format "memory" args [] stages @p
ckpt.job @j "restore" from @run to [@live] {
  // CHECK: ckpt.deadline @p
  ckpt.deadline @p
}
