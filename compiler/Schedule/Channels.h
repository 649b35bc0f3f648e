// What ranks send each other, in order. Back ends of PyTorch match sends and receives of two ranks
// by their order alone: out of order, the tensor of one microbatch is taken for another's.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// The stage at the other end of a send or receive; it may not exist.
int32_t otherStage(const Action &transfer);

/// Code::BadInput unless every rank receives what every other sends it, in that order: names the
/// first that differs. Also where a send or receive has no stage at its other end.
Status checkChannels(const Schedule &withComms);

} // namespace recast::schedule
