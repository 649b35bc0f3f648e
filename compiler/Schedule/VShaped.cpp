// Kinds with two stages per rank, placed in a V: rank r has stage r ("out") and 2p - 1 - r
// ("back").
#include "compiler/Schedule/Emit.h"
#include "compiler/Schedule/Generators.h"

#include <algorithm>
#include <deque>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

void zeroBubbleRank(const Shape &shape, int32_t r, std::vector<Action> &list) {
  int32_t p = shape.ranks, m = shape.microbatches;
  // Small batches run as the beginning of one that fills the pipeline.
  int32_t n = std::max(m, 2 * p - 1);
  StageCounter out(list, r, m), back(list, 2 * p - 1 - r, m);
  auto backThrough = [&] {
    back.forward();
    back.backwardInput();
    back.backwardWeight();
  };
  for (int32_t i = 0; i < 2 * (p - r) - 1; ++i)
    out.forward();
  for (int32_t i = 0; i < r; ++i) {
    back.forward();
    out.forward();
  }
  for (int32_t i = 0; i < p - r; ++i)
    backThrough();
  while (out.forwards() < n || back.forwards() < n) {
    if (out.forwards() < n)
      out.forward();
    out.backwardInput();
    out.backwardWeight();
    backThrough();
  }
  for (int32_t i = 0; i < r; ++i) {
    out.backwardInput();
    back.backwardInput();
  }
  for (int32_t i = 0; i < p - r; ++i) {
    out.backwardInput();
    out.backwardWeight();
  }
  while (back.weights() < n)
    back.backwardWeight();
  while (out.weights() < n)
    out.backwardWeight();
}

/// One rank of DualPipeV; its eight phases are numbered as in DeepSeek's description.
class DualPipeRank {
public:
  DualPipeRank(const Shape &shape, int32_t r, std::vector<Action> &list)
      : p_(shape.ranks), m_(shape.microbatches), r_(r), list_(list), out_(list, r, m_),
        back_(list, 2 * p_ - 1 - r, m_) {}

  void run() {
    int32_t before = p_ - 1 - r_;
    for (int32_t i = 0; i < 2 * before; ++i) // 1
      out_.forward();
    for (int32_t i = 0; i < r_ + 1; ++i) { // 2
      out_.forward();
      back_.forward();
    }
    for (int32_t i = 0; i < before; ++i) { // 3
      input(back_);
      weight();
      back_.forward();
    }
    for (int32_t i = 0; i < m_ - 2 * p_ + r_ + 1; ++i) { // 4
      overlapped(out_, back_, /*overlap=*/i > 0 || r_ < p_ - 1);
      overlapped(back_, out_, true);
    }
    for (int32_t i = 0; i < before; ++i) { // 5
      back_.backward();
      overlapped(back_, out_, true);
    }
    for (int32_t i = 0; i < r_ + 1; ++i) { // 6: from the middle on, weight parts are put off.
      int32_t middle = (r_ + 1) / 2;
      bool odd = r_ % 2 == 1;
      i >= middle + (odd ? 0 : 1) ? input(back_) : back_.backward();
      i >= middle ? input(out_) : out_.backward();
    }
    for (int32_t i = 0; i < before; ++i) { // 7
      weight();
      input(out_);
    }
    while (!putOff_.empty()) // 8
      weight();
  }

private:
  void input(StageCounter &stage) {
    putOff_.push_back(list_.size());
    stage.backwardInput();
  }
  /// The weight part of the oldest backward that lacks it.
  void weight() {
    if (putOff_.empty())
      return;
    Action action = list_[putOff_.front()];
    putOff_.pop_front();
    action.kind = ActionKind::BackwardWeight;
    list_.push_back(action);
  }
  void overlapped(StageCounter &forward, StageCounter &backward, bool overlap) {
    forward.forward();
    list_.back().overlapsNext = overlap;
    backward.backward();
  }

  int32_t p_, m_, r_;
  std::vector<Action> &list_;
  StageCounter out_, back_;
  std::deque<size_t> putOff_; ///< Places in `list_` of input parts.
};

} // namespace

Result<Schedule> zeroBubbleV(const Shape &shape) {
  RECAST_TRY(needChunks("zb-v", shape, 2));
  Schedule out = emptySchedule(shape, Placement::V);
  for (int32_t r = 0; r < shape.ranks; ++r)
    zeroBubbleRank(shape, r, out.actions[static_cast<size_t>(r)]);
  return out;
}

Result<Schedule> dualPipeV(const Shape &shape) {
  RECAST_TRY(needChunks("dualpipe-v", shape, 2));
  if (shape.microbatches < 2 * shape.ranks)
    return usage(fmt::format("dualpipe-v: {} microbatches are fewer than two per rank ({})",
                             shape.microbatches, 2 * shape.ranks));
  Schedule out = emptySchedule(shape, Placement::V);
  for (int32_t r = 0; r < shape.ranks; ++r)
    DualPipeRank(shape, r, out.actions[static_cast<size_t>(r)]).run();
  return out;
}

} // namespace recast::schedule
