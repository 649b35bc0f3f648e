// RUN: recast-opt %s --check-schedules -split-input-file -verify-diagnostics

// expected-error @below {{[doubled-action] '0F0' (rank 0, position 1) has run before, as '0F0' (rank 0, position 0)}}
// expected-error @below {{[missing-action] stage 0 (rank 0) has no F of microbatch 1}}
pipe.lists @doubled kind "explicit" microbatches 2 rank_of [0, 1] actions ["0F0 0F0 0B0 0B1", "1F0 1B0 1F1 1B1"]
// -----
// expected-error @below {{[cross-stage-order]}}
pipe.lists @circle kind "explicit" microbatches 2 rank_of [0, 1] actions ["0F0 0B0 0F1 0B1", "1F1 1B1 1F0 1B0"]
// -----
// expected-error @below {{rank 0: '0Q0' is no action: there is no kind 'Q'}}
pipe.lists @text kind "explicit" microbatches 1 rank_of [0] actions ["0Q0"]
// -----
// expected-error @below {{is checked as explicit lists: run --expand-schedules before}}
pipe.schedule @p args [#ckpt.arg<"ranks", 2 : i64>, #ckpt.arg<"microbatches", 2 : i64>, #ckpt.arg<"schedule", "1f1b">]
// -----
// expected-error @below {{there is no kind of schedule 'gpipo'}}
pipe.lists @named kind "gpipo" microbatches 1 rank_of [0] actions ["0F0 0B0"]
// -----
// expected-error @below {{[kind] these are not the lists of gpipe, which has '0F1' where rank 0 has '0B0' (rank 0, position 1)}}
pipe.lists @other kind "gpipe" microbatches 2 rank_of [0] actions ["0F0 0B0 0F1 0B1"]
// -----
// expected-error @below {{an update after every 2 microbatches of 1}}
pipe.lists @rare kind "explicit" microbatches 1 update 2 rank_of [0] actions ["0F0 0B0"]
// -----
// expected-error @below {{[version] '0F1' (rank 0, position 5) sees version 0; the rule is latest, and the latest is 1}}
pipe.lists @old kind "explicit" microbatches 2 update 1 rank_of [0] actions ["0F0 0B0 0STASH@0 0OPT 0RESTORE@0 0F1 0RESTORE@1 0B1 0OPT"]
