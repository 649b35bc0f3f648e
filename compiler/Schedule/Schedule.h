// A pipeline schedule as explicit lists: what every rank does, in order. No IR; the `pipe` dialect
// and the command line share it. Terms as in PyTorch's torch.distributed.pipelining: a stage is a
// part of the model, a chunk one of the stages of a rank, a microbatch a part of the batch.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace recast::schedule {

enum class ActionKind : uint8_t {
  Forward,
  Backward,       ///< Gradients of inputs and of weights.
  BackwardInput,  ///< Gradients of inputs only ("I").
  BackwardWeight, ///< Gradients of weights only ("W").
};

/// One thing that a rank does. `overlapsNext`: this action and the next one run as one
/// (PyTorch's OVERLAP_F_B; DualPipeV), the forward first.
struct Action {
  ActionKind kind = ActionKind::Forward;
  bool overlapsNext = false;
  int32_t stage = 0;
  int32_t microbatch = 0;
  bool operator==(const Action &) const = default;
};

/// Where stages live. Loop: stage s on rank s mod p. V: out and back, stage s and 2p - 1 - s on one
/// rank (two chunks per rank).
enum class Placement : uint8_t { Loop, V };

struct Schedule {
  int32_t ranks = 0;        ///< p
  int32_t chunks = 1;       ///< v, stages per rank
  int32_t microbatches = 0; ///< m
  Placement placement = Placement::Loop;
  std::vector<std::vector<Action>> actions; ///< By rank, in program order.

  int32_t stages() const { return ranks * chunks; }
  int32_t rankOf(int32_t stage) const;
};

/// "0F0", "2I1": PyTorch's text of one action; a pair that overlaps is "(0F7;7B3)OVERLAP_F_B".
std::string str(const Action &action);

} // namespace recast::schedule
