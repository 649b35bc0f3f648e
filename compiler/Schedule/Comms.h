// Lowering of compute-only lists to what PyTorch executes: parameters gathered and freed (FSDP),
// gradients reduced, activations and gradients sent and received. The rules are those of PyTorch
// 2.13 (torch.distributed.pipelining.schedules), action for action, so that a list lowered here and
// one that PyTorch lowers itself agree.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// The lists without sends, receives, UNSHARD, RESHARD and REDUCE_GRAD.
Schedule computeOnly(const Schedule &schedule);
/// Whether the lists hold only F, B, I and W.
bool isComputeOnly(const Schedule &schedule);

/// Adds to compute-only lists:
///  - UNSHARD of the next three stages that a rank runs, as early as one of them is next; RESHARD
///  of
///    those that are not among them;
///  - REDUCE_GRAD after the last B or W of a stage;
///  - after every F, B and I whose neighbour stage is on another rank: the send, and at that moment
///    the receive at the end of the other rank's list so far. Ranks take turns, one action each.
/// Code::Usage where lists are not compute-only, Code::BadInput where ranks wait for each other
/// forever: names an action that never runs and what it waits for.
Result<Schedule> addComms(const Schedule &schedule);

/// Puts every receive as late as its use allows (PyTorch's defer_pp_recv). So that no two ranks
/// only send: before a send to a higher rank come all receives from that rank that are put off.
/// The order may no longer be that of the sends (zb-v, dualpipe-v): see checkChannels().
/// Code::BadInput where a receive has no use, or a send or receive has no stage at its other end.
Result<Schedule> deferReceives(const Schedule &withComms);

} // namespace recast::schedule
