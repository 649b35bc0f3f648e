// Streams with blocking pairs, run on all ranks at once: what is in which buffer, and whether every
// send meets its receive. Streams with CommitP2P have a buffer for every microbatch and are read by
// its number.
#include "compiler/Schedule/DeepSpeed.h"
#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/Generate.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace recast::schedule {
namespace {
using Op = Instruction::Op;

bool isTransfer(Op op) { return op >= Op::SendActivation && op <= Op::RecvGrad; }
bool isSending(Op op) { return op == Op::SendActivation || op == Op::SendGrad; }
bool isActivation(Op op) { return op == Op::SendActivation || op == Op::RecvActivation; }
/// What the other end of a transfer does.
Op partner(Op op) {
  return op == Op::SendActivation   ? Op::RecvActivation
         : op == Op::RecvActivation ? Op::SendActivation
         : op == Op::SendGrad       ? Op::RecvGrad
                                    : Op::SendGrad;
}

bool hasBackwards(const InstructionStreams &streams) {
  for (const Steps &steps : streams.steps)
    for (const auto &step : steps)
      for (const Instruction &instruction : step)
        if (instruction.op == Op::BackwardPass)
          return true;
  return false;
}

struct Buffer {
  enum class State : uint8_t { Free, Input, Output, Gradient, Done } state = State::Free;
  int32_t microbatch = -1;
};
using State = Buffer::State;

class Rank {
public:
  Rank(const InstructionStreams &streams, int32_t rank, bool trains)
      : rank_(rank), last_(static_cast<int32_t>(streams.steps.size()) - 1), trains_(trains),
        microbatches_(streams.microbatches) {
    const Steps &steps = streams.steps[static_cast<size_t>(rank)];
    for (size_t step = 0; step < steps.size(); ++step)
      for (const Instruction &instruction : steps[step])
        all_.push_back({step, instruction});
  }

  std::vector<Action> list;

  bool ended() const { return next_ == all_.size(); }
  const Instruction &head() const { return all_[next_].instruction; }
  size_t step() const { return all_[next_].step; }
  int32_t peer() const {
    return rank_ + (isSending(head().op) == isActivation(head().op) ? 1 : -1);
  }
  tl::unexpected<Error> refuse(std::string_view why) const {
    return badInput(fmt::format("rank {}, step {}: {}", rank_, step(), why));
  }

  /// Runs what waits for nobody.
  Status advance() {
    for (; !ended() && !isTransfer(head().op); ++next_)
      RECAST_TRY(local());
    if (!ended() && (peer() < 0 || peer() > last_))
      return refuse("a transfer over the end of the pipeline");
    return {};
  }
  /// Takes a send at the head: the microbatch that it carries.
  Result<int32_t> send() {
    Buffer &buffer = at();
    bool isGradient = head().op == Op::SendGrad;
    if (isGradient ? buffer.state != State::Done
                   : buffer.state != State::Output && buffer.state != State::Gradient)
      return refuse(fmt::format("buffer {} is sent before its pass", head().buffer));
    int32_t out = buffer.microbatch;
    if (isGradient || !trains_)
      buffer.state = State::Free;
    ++next_;
    return out;
  }
  Status receive(int32_t microbatch) {
    Buffer &buffer = at();
    if (head().op == Op::RecvActivation) {
      RECAST_TRY(fill(buffer, microbatch));
    } else {
      if (buffer.state != State::Output || buffer.microbatch != microbatch)
        return refuse(
            fmt::format("the gradient of microbatch {} comes into buffer {}, which does not "
                        "wait for it",
                        microbatch, head().buffer));
      if (gradientOf_ >= 0)
        return refuse(
            fmt::format("the gradient of microbatch {} comes before that of microbatch {} was "
                        "used; DeepSpeed's engine keeps one",
                        microbatch, gradientOf_));
      gradientOf_ = microbatch;
      buffer.state = State::Gradient;
    }
    ++next_;
    return {};
  }
  Status finish() const {
    auto count = [&](ActionKind kind) { return std::ranges::count(list, kind, &Action::kind); };
    if (count(ActionKind::Forward) != microbatches_ ||
        (trains_ && count(ActionKind::Backward) != microbatches_))
      return badInput(fmt::format("rank {} runs {} forwards and {} backwards of {} microbatches",
                                  rank_, count(ActionKind::Forward), count(ActionKind::Backward),
                                  microbatches_));
    if (trains_ && ending_ != Ending::Stepped)
      return badInput(fmt::format("rank {} does not end in an OptimizerStep", rank_));
    return {};
  }

private:
  Buffer &at() { return buffers_[head().buffer]; }
  Status fill(Buffer &buffer, int32_t microbatch) {
    if (buffer.state != State::Free)
      return refuse(fmt::format("buffer {} is filled while it holds microbatch {}", head().buffer,
                                buffer.microbatch));
    buffer = {State::Input, microbatch};
    return {};
  }

  Status local() {
    if (head().op >= Op::ReduceTiedGrads)
      return end();
    if (ending_ == Ending::Stepped)
      return refuse(
          "an instruction after OptimizerStep; schedules that step during the batch cannot be "
          "read from DeepSpeed's form");
    if (ending_ != Ending::None)
      return refuse("a pass after gradients were reduced; what it adds would be lost");
    switch (head().op) {
    case Op::LoadMicroBatch:
      return load();
    case Op::ForwardPass:
      return forward();
    default:
      return backward();
    }
  }
  /// ReduceTiedGrads (models without ties can do without), ReduceGrads, OptimizerStep: once each.
  Status end() {
    if (head().op == Op::ReduceTiedGrads && ending_ == Ending::None)
      ending_ = Ending::Tied;
    else if (head().op == Op::ReduceGrads && ending_ <= Ending::Tied)
      ending_ = Ending::Reduced;
    else if (head().op == Op::OptimizerStep && ending_ == Ending::Reduced)
      ending_ = Ending::Stepped;
    else
      return refuse("a batch ends in ReduceTiedGrads, ReduceGrads and OptimizerStep, once each and "
                    "in this order");
    return {};
  }
  /// Inputs on the first rank, labels on the last.
  Status load() {
    if (loads_ == microbatches_)
      return refuse(fmt::format("a load after all {} microbatches", microbatches_));
    if (rank_ != 0 && rank_ != last_)
      return refuse("only the first and the last rank load");
    if (rank_ == 0)
      return fill(at(), loads_++);
    labels_[head().buffer] = loads_++;
    return {};
  }
  Status forward() {
    Buffer &buffer = at();
    if (buffer.state != State::Input)
      return refuse(fmt::format("buffer {} has no input", head().buffer));
    if (rank_ == last_ && rank_ != 0) {
      auto label = labels_.find(head().buffer);
      if (label == labels_.end() || label->second != buffer.microbatch)
        return refuse(fmt::format("buffer {} has no labels of microbatch {}", head().buffer,
                                  buffer.microbatch));
    }
    list.push_back({ActionKind::Forward, false, rank_, buffer.microbatch});
    buffer.state = trains_ || rank_ != last_ ? State::Output : State::Free;
    return {};
  }
  Status backward() {
    Buffer &buffer = at();
    if (buffer.state != (rank_ == last_ ? State::Output : State::Gradient))
      return refuse(fmt::format("buffer {} has no gradient", head().buffer));
    if (rank_ == last_ &&
        list.back() != Action{ActionKind::Forward, false, rank_, buffer.microbatch})
      return refuse(
          fmt::format("the backward of microbatch {} does not follow its forward; DeepSpeed's "
                      "engine keeps one loss",
                      buffer.microbatch));
    gradientOf_ = -1;
    list.push_back({ActionKind::Backward, false, rank_, buffer.microbatch});
    buffer.state = rank_ == 0 ? State::Free : State::Done;
    return {};
  }

  struct At {
    size_t step;
    Instruction instruction;
  };
  int32_t rank_, last_;
  bool trains_;
  enum class Ending : uint8_t { None, Tied, Reduced, Stepped } ending_ = Ending::None;
  int32_t microbatches_, loads_ = 0;
  int32_t gradientOf_ = -1; ///< The microbatch whose gradient came and is not used yet.
  std::vector<At> all_;
  size_t next_ = 0;
  std::map<int32_t, Buffer> buffers_;
  std::map<int32_t, int32_t> labels_; ///< By buffer: the microbatch whose labels it has.
};

Result<Schedule> blocking(const InstructionStreams &streams, Schedule out) {
  bool trains = hasBackwards(streams);
  std::vector<Rank> ranks;
  std::vector<int32_t> awake;
  for (int32_t r = 0; r < out.ranks; ++r) {
    ranks.emplace_back(streams, r, trains);
    awake.push_back(r);
    out.rankOf.push_back(r);
  }
  while (!awake.empty()) {
    Rank &here = ranks[static_cast<size_t>(awake.back())];
    int32_t rank = awake.back();
    awake.pop_back();
    RECAST_TRY(here.advance());
    if (here.ended())
      continue;
    Rank &there = ranks[static_cast<size_t>(here.peer())];
    if (there.ended() || there.head().op != partner(here.head().op) || there.peer() != rank)
      continue; // The other end comes by later, or never.
    awake.push_back(here.peer());
    awake.push_back(rank);
    Rank &sender = isSending(here.head().op) ? here : there;
    Rank &receiver = &sender == &here ? there : here;
    RECAST_ASSIGN(int32_t microbatch, sender.send());
    RECAST_TRY(receiver.receive(microbatch));
  }
  for (Rank &rank : ranks) {
    if (!rank.ended()) {
      const Rank &other = ranks[static_cast<size_t>(rank.peer())];
      return rank.refuse(
          fmt::format("a transfer with rank {} waits forever: that rank {}", rank.peer(),
                      other.ended() ? "has ended" : fmt::format("stops in step {}", other.step())));
    }
    RECAST_TRY(rank.finish());
    out.actions.push_back(std::move(rank.list));
  }
  return out;
}

/// What one rank sends another, or receives from it, in order.
using Transfers = std::map<std::pair<int32_t, int32_t>, std::vector<Instruction>>;

/// DualPipeV: buffer = phase * m + microbatch.
Result<Schedule> queued(const InstructionStreams &streams, Schedule out) {
  int32_t p = out.ranks, m = out.microbatches;
  out.rankOf = placeStages(Placement::V, p, 2);
  out.chunks = 2;
  Transfers sent, received;
  for (int32_t r = 0; r < p; ++r) {
    std::vector<Action> &list = out.actions.emplace_back();
    const Steps &steps = streams.steps[static_cast<size_t>(r)];
    for (size_t t = 0; t < steps.size(); ++t)
      for (const Instruction &instruction : steps[t]) {
        auto refuse = [&](std::string_view why) {
          return badInput(fmt::format("rank {}, step {}: {}", r, t, why));
        };
        auto [op, buffer, phase] = instruction;
        if (op == Op::LoadMicroBatch || op >= Op::ReduceTiedGrads)
          continue;
        if (phase < 0)
          return refuse("an instruction without a phase beside CommitP2P");
        int64_t microbatch = buffer - int64_t{phase} * m;
        if (microbatch < 0 || microbatch >= m)
          return refuse(fmt::format("buffer {} is none of phase {}", buffer, phase));
        if (isTransfer(op)) {
          bool sends = isSending(op), up = (sends == isActivation(op)) == (phase == 0);
          int32_t peer = r + (up ? 1 : -1);
          if (peer < 0 || peer >= p)
            return refuse("a transfer over the end of the pipeline");
          (sends ? sent[{r, peer}] : received[{peer, r}])
              .push_back({sends ? partner(op) : op, buffer, phase});
          continue;
        }
        list.push_back({op == Op::ForwardPass ? ActionKind::Forward : ActionKind::Backward, false,
                        phase == 0 ? r : 2 * p - 1 - r, static_cast<int32_t>(microbatch)});
      }
  }
  if (sent == received)
    return out;
  for (auto &[ends, transfers] : sent)
    if (received[ends] != transfers)
      return badInput(fmt::format("rank {} does not receive what rank {} sends, in its order",
                                  ends.second, ends.first));
  return badInput("a rank receives what no rank sends");
}

} // namespace

Result<Schedule> fromInstructions(const InstructionStreams &streams) {
  Schedule out;
  out.ranks = static_cast<int32_t>(streams.steps.size());
  out.microbatches = streams.microbatches;
  bool isQueued = false;
  for (const Steps &steps : streams.steps)
    for (const auto &step : steps)
      for (const Instruction &instruction : step)
        isQueued = isQueued || instruction.op == Op::CommitP2P || instruction.phase >= 0;
  if (isQueued) {
    RECAST_ASSIGN(out, queued(streams, std::move(out)));
  } else {
    RECAST_ASSIGN(out, blocking(streams, std::move(out)));
  }
  RECAST_TRY(checkSize(out));
  // The class that such lists are of where they are written again.
  if (streams.schedule == "TrainSchedule")
    if (auto train = generate("1f1b", {out.ranks, 1, out.microbatches});
        train && train->actions == out.actions)
      out.kind = train->kind;
  return out;
}

} // namespace recast::schedule
