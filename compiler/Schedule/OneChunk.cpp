// Kinds with one stage per rank.
#include "compiler/Schedule/Emit.h"
#include "compiler/Schedule/Generators.h"

#include <algorithm>

namespace recast::schedule {

Result<Schedule> gpipe(const Shape &shape) {
  RECAST_TRY(needChunks("gpipe", shape, 1));
  Schedule out = emptySchedule(shape);
  for (int32_t r = 0; r < shape.ranks; ++r) {
    StageCounter stage(out.actions[static_cast<size_t>(r)], r, shape.microbatches);
    for (int32_t b = 0; b < shape.microbatches; ++b)
      stage.forward();
    for (int32_t b = 0; b < shape.microbatches; ++b)
      stage.backward();
  }
  return out;
}

Result<Schedule> oneForwardOneBackward(const Shape &shape) {
  RECAST_TRY(needChunks("1f1b", shape, 1));
  Schedule out = emptySchedule(shape);
  for (int32_t r = 0; r < shape.ranks; ++r) {
    StageCounter stage(out.actions[static_cast<size_t>(r)], r, shape.microbatches);
    int32_t warmup = std::min(shape.microbatches, shape.ranks - 1 - r);
    for (int32_t i = 0; i < warmup; ++i)
      stage.forward();
    for (int32_t i = warmup; i < shape.microbatches; ++i) {
      stage.forward();
      stage.backward();
    }
    for (int32_t i = 0; i < warmup; ++i)
      stage.backward();
  }
  return out;
}

Result<Schedule> zeroBubbleH1(const Shape &shape) {
  RECAST_TRY(needChunks("zb-h1", shape, 1));
  Schedule out = emptySchedule(shape);
  for (int32_t r = 0; r < shape.ranks; ++r) {
    StageCounter stage(out.actions[static_cast<size_t>(r)], r, shape.microbatches);
    int32_t warmup = std::min(shape.microbatches, shape.ranks - 1 - r);
    for (int32_t i = 0; i < warmup; ++i)
      stage.forward();
    for (int32_t i = 0; i < shape.microbatches; ++i) {
      if (stage.forwards() < shape.microbatches)
        stage.forward();
      stage.backwardInput();
      if (i >= r)
        stage.backwardWeight();
    }
    while (stage.weights() < shape.microbatches)
      stage.backwardWeight();
  }
  return out;
}

} // namespace recast::schedule
