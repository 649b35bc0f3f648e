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
  Forward,         ///< "F"
  Backward,        ///< "B": gradients of inputs and of weights.
  BackwardInput,   ///< "I": gradients of inputs only.
  BackwardWeight,  ///< "W": gradients of weights only.
  SendForward,     ///< "SEND_F": the stage sends its output to the next stage.
  ReceiveForward,  ///< "RECV_F": the stage receives its input.
  SendBackward,    ///< "SEND_B": the stage sends the gradient of its input to the stage before.
  ReceiveBackward, ///< "RECV_B": the stage receives the gradient of its output.
  Unshard,         ///< "UNSHARD": parameters are gathered (FSDP).
  Reshard,         ///< "RESHARD": gathered parameters are freed.
  ReduceGradient,  ///< "REDUCE_GRAD": gradients are reduced over data-parallel ranks.
  OptimizerStep,   ///< "OPT": the stage's weights go from version n to n + 1.
  Stash,           ///< "STASH@v": a copy of version v, now the latest, is kept until its last use.
  Predict,         ///< "PREDICTb@s": what follows sees the weights extrapolated by s updates.
  Restore,         ///< "RESTORE@v": what follows sees version v: the latest, or a stashed one.
};

/// Whether it runs a microbatch through the stage: F, B, I or W.
constexpr bool isCompute(ActionKind kind) { return kind <= ActionKind::BackwardWeight; }
constexpr bool isSend(ActionKind kind) {
  return kind == ActionKind::SendForward || kind == ActionKind::SendBackward;
}
constexpr bool isReceive(ActionKind kind) {
  return kind == ActionKind::ReceiveForward || kind == ActionKind::ReceiveBackward;
}
/// Whether the action names a microbatch. For Predict it is the one whose pass follows.
constexpr bool hasMicrobatch(ActionKind kind) {
  return kind <= ActionKind::ReceiveBackward || kind == ActionKind::Predict;
}
/// Whether the action carries a number after '@': a version, or how far to predict.
constexpr bool hasValue(ActionKind kind) { return kind >= ActionKind::Stash; }

/// One thing that a rank does. `overlapsNext`: this action and the next one run as one
/// (PyTorch's OVERLAP_F_B; DualPipeV), the forward first.
struct Action {
  ActionKind kind = ActionKind::Forward;
  bool overlapsNext = false;
  int32_t stage = 0;
  int32_t microbatch = -1; ///< -1 where the kind has none.
  int32_t value = 0;       ///< Of Stash, Restore: a version; of Predict: updates ahead.
  bool operator==(const Action &) const = default;
};

/// What a forward and its backward see of the weights.
enum class WeightRule : uint8_t {
  Latest,       ///< The latest version, whatever it is by then.
  Stash,        ///< A backward sees the version of its forward (PipeDream).
  DoubleBuffer, ///< Both see the version before the latest (PipeDream-2BW).
  Predict,      ///< A forward sees the version expected at its backward (SpecTrain, PipeOptim).
};
/// How far ahead WeightRule::Predict looks. p ranks, rank r.
enum class LagRule : uint8_t {
  Derived,   ///< The updates that do lie between the forward and its backward, per microbatch.
  Paper,     ///< p - 1 - r (PipeOptim, arXiv 2312.00839).
  Code,      ///< p - r (PipeOptim's published code).
  SpecTrain, ///< floor(r / 2) + p - 1 - r, and floor(r / 2) before the backward.
  XPipe,     ///< By mini-batches of T microbatches (XPipe, arXiv 1911.04610).
  Fixed,     ///< WeightPolicy::lag.
};
enum class Optimizer : uint8_t { Unknown, Sgd, Sgdm, Adam, AdamW };

struct WeightPolicy {
  WeightRule rule = WeightRule::Latest;
  LagRule lagRule = LagRule::Derived;
  int32_t lag = 0; ///< Of LagRule::Fixed, updates.
  Optimizer optimizer = Optimizer::Unknown;
  bool operator==(const WeightPolicy &) const = default;
};

struct Schedule {
  std::string kind = "explicit"; ///< The generator's name; "explicit" where lists were imported.
  int32_t ranks = 0;             ///< p
  int32_t chunks = 1;            ///< v, the most stages of a rank
  int32_t microbatches = 0;      ///< m, over all updates of the lists
  std::vector<int32_t> rankOf;   ///< By stage: the rank that has it.
  /// Microbatches per optimizer step; 0: one step after all of them.
  int32_t updateEvery = 0;
  WeightPolicy weights;
  std::vector<std::vector<Action>> actions; ///< By rank, in program order.

  int32_t stages() const { return static_cast<int32_t>(rankOf.size()); }
  /// Whether weights change while microbatches are under way.
  bool isAsynchronous() const { return updateEvery != 0 && updateEvery < microbatches; }
  bool operator==(const Schedule &) const = default;
};

/// Where stages live. Loop: stage s on rank s mod p. V: out and back, stage s and 2p - 1 - s on one
/// rank, and so on for more chunks.
enum class Placement : uint8_t { Loop, V };
std::vector<int32_t> placeStages(Placement placement, int32_t ranks, int32_t chunks);

} // namespace recast::schedule
