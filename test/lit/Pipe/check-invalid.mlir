// RUN: recast-opt %s --check-schedules -split-input-file -verify-diagnostics

// expected-error @below {{[doubled-action] '0F0' (rank 0, position 1) has run before, as '0F0' (rank 0, position 0)}}
// expected-error @below {{[missing-action] stage 0 (rank 0) has no F of microbatch 1}}
pipe.lists @doubled kind "x" microbatches 2 rank_of [0, 1] actions ["0F0 0F0 0B0 0B1", "1F0 1B0 1F1 1B1"]
// -----
// expected-error @below {{[cross-stage-order]}}
pipe.lists @circle kind "x" microbatches 2 rank_of [0, 1] actions ["0F0 0B0 0F1 0B1", "1F1 1B1 1F0 1B0"]
// -----
// expected-error @below {{rank 0: '0Q0' is no action: there is no kind 'Q'}}
pipe.lists @text kind "x" microbatches 1 rank_of [0] actions ["0Q0"]
// -----
// expected-error @below {{is checked as explicit lists: run --expand-schedules before}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 2 : i64>, #ckpt.arg<"schedule", "1f1b">]
