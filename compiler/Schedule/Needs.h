// What a pass needs to have run: the data edges of a schedule.
#pragma once

#include "compiler/Schedule/Versions.h"

namespace recast::schedule {

/// A forward, or a backward (of one that is split, the input part).
struct Need {
  Pass pass;
  bool isBackward = false;
};

/// Calls `take` for each: F needs the forward of the stage before; B and I their own forward and
/// the backward of the stage after; W its own backward's input part.
template <typename Take> void forEachNeed(const Action &action, int32_t stages, Take &&take) {
  Pass own{action.stage, action.microbatch};
  switch (action.kind) {
  case ActionKind::Forward:
    if (own.stage > 0)
      take(Need{{own.stage - 1, own.microbatch}, false});
    return;
  case ActionKind::Backward:
  case ActionKind::BackwardInput:
    take(Need{own, false});
    if (own.stage + 1 < stages)
      take(Need{{own.stage + 1, own.microbatch}, true});
    return;
  case ActionKind::BackwardWeight:
    take(Need{own, true});
    return;
  default:
    return;
  }
}

/// "the forward of microbatch 3 through stage 0"
std::string needText(const Need &need);

} // namespace recast::schedule
