// RUN: recast-opt %s --check-schedules | FileCheck %s --check-prefix=PROVED
// RUN: not recast-opt %s --check-schedules="channel-depth=0 activations=1" 2>&1 | FileCheck %s

// PROVED: pipe.lists @good
// CHECK: [memory-limit] rank 0 holds 2 activations
pipe.lists @good kind "1f1b" microbatches 2 rank_of [0, 1] actions ["0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1"]
