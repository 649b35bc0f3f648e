// Appending actions to one rank's list while a generator counts microbatches.
#pragma once

#include "compiler/Schedule/Generate.h"

#include <string>

namespace recast::schedule {

inline Schedule emptySchedule(const Shape &shape, Placement placement = Placement::Loop) {
  Schedule out;
  out.ranks = shape.ranks;
  out.chunks = shape.chunks;
  out.microbatches = shape.microbatches;
  out.rankOf = placeStages(placement, shape.ranks, shape.chunks);
  out.actions.resize(static_cast<size_t>(shape.ranks));
  return out;
}

/// Code::Usage unless a rank has `chunks` stages.
inline Status needChunks(std::string_view kind, const Shape &shape, int32_t chunks) {
  if (shape.chunks == chunks)
    return {};
  return usage(std::string(kind) + " has " + std::to_string(chunks) +
               (chunks == 1 ? " chunk" : " chunks") + " per rank, not " +
               std::to_string(shape.chunks));
}

/// One stage of one rank: each call emits the next microbatch of a kind. Weight parts follow the
/// input parts in their order.
class StageCounter {
public:
  StageCounter(std::vector<Action> &list, int32_t stage, int32_t microbatches)
      : list_(list), stage_(stage), microbatches_(microbatches) {}

  void forward() { emit(ActionKind::Forward, forwards_++); }
  void backward() { emit(ActionKind::Backward, backwards_++); }
  void backwardInput() { emit(ActionKind::BackwardInput, backwards_++); }
  void backwardWeight() { emit(ActionKind::BackwardWeight, weights_++); }
  int32_t forwards() const { return forwards_; }
  int32_t weights() const { return weights_; }

private:
  /// Microbatches beyond the batch only keep the pattern going.
  void emit(ActionKind kind, int32_t microbatch) {
    if (microbatch < microbatches_)
      list_.push_back({kind, false, stage_, microbatch});
  }

  std::vector<Action> &list_;
  int32_t stage_, microbatches_;
  int32_t forwards_ = 0, backwards_ = 0, weights_ = 0;
};

} // namespace recast::schedule
