// DualPipeV as DeepSpeed 0.19 runs it: whole backwards, sends and receives queued until CommitP2P.
// Phase 0 is the way out (stage r), phase 1 the way back (stage 2p - 1 - r).
#include "compiler/Schedule/DeepSpeed.h"

namespace recast::schedule {
namespace {
using Op = Instruction::Op;

class Rank {
public:
  Rank(int32_t ranks, int32_t microbatches, int32_t rank)
      : p_(ranks), m_(microbatches), r_(rank), isFirst_(rank == 0), isLast_(rank == ranks - 1) {}

  Steps run() {
    int32_t before = p_ - 1 - r_;
    for (int32_t i = 0; i < 2 * before; ++i, next()) // 1: forwards on the way out.
      forwardChunk(0, true, true);
    receiveForward(0); // 2: forwards on both ways.
    next();
    for (int32_t i = 0; i < r_ + 1; ++i, next()) {
      forwardChunk(0, false, false);
      receiveForward(0);
      forwardChunk(1, true, !isLast_ || i < r_);
      sendForward(0);
    }
    for (int32_t i = 0; i < before;
         ++i, next()) { // 3: backward, (weights,) forward on the way back.
      backwardChunk(1, true);
      receiveForward(1);
      commit();
      forwardChunk(1, false, true);
    }
    for (int32_t i = 0; i < m_ - 2 * p_ + r_ + 1; ++i, next()) { // 4: the steady state.
      if (i == 0 && isLast_) {
        forwardChunk(0, false, false);
        sendForward(1);
        backwardChunk(1, false);
        sendForward(0);
        sendBackward(1);
      } else {
        bothChunk(0, 1, i > 0);
      }
      bothChunk(1, 0, true);
    }
    for (int32_t i = 0; i < before; ++i, next()) { // 5
      backwardChunk(1, true);
      bothChunk(1, 0, true);
    }
    for (int32_t i = 0; i < r_ + 1; ++i, next()) { // 6: only backwards are left.
      backwardChunk(1, true);
      backwardChunk(0, true);
    }
    for (int32_t i = 0; i < before; ++i, next()) { // 7
      commit();
      backwardChunk(0, true);
    }
    for (int32_t i = 0; i < r_ + 1; ++i, next()) // 8: where weight parts would be.
      commit();
    commit();
    for (Op op : {Op::ReduceTiedGrads, Op::ReduceGrads, Op::OptimizerStep})
      step_.push_back({op});
    next();
    return std::move(steps_);
  }

private:
  /// The next microbatch of an operation in a phase; every one has its own buffer.
  void emit(Op op, int32_t phase) {
    int32_t microbatch = counts_[static_cast<size_t>(op)][phase]++;
    step_.push_back({op, phase * m_ + microbatch, phase});
  }
  void next() { steps_.push_back(std::exchange(step_, {})); }
  void commit() { step_.push_back({Op::CommitP2P}); }

  // The first rank begins the way out and ends the way back; the last turns.
  void receiveForward(int32_t phase) {
    if (phase == 0 ? !isFirst_ : !isLast_)
      emit(Op::RecvActivation, phase);
  }
  void sendForward(int32_t phase) {
    if (phase == 0 ? !isLast_ : !isFirst_)
      emit(Op::SendActivation, phase);
  }
  void receiveBackward(int32_t phase) {
    if (phase == 0 ? !isLast_ : !isFirst_)
      emit(Op::RecvGrad, phase);
  }
  void sendBackward(int32_t phase) {
    if (phase == 0 ? !isFirst_ : !isLast_)
      emit(Op::SendGrad, phase);
  }
  void forward(int32_t phase) {
    if (isFirst_ && phase == 0)
      step_.push_back({Op::LoadMicroBatch, counts_[static_cast<size_t>(Op::ForwardPass)][0]});
    emit(Op::ForwardPass, phase);
  }

  void forwardChunk(int32_t phase, bool receives, bool sends) {
    if (receives)
      receiveForward(phase);
    commit();
    forward(phase);
    if (sends)
      sendForward(phase);
  }
  void backwardChunk(int32_t phase, bool sends) {
    receiveBackward(phase);
    commit();
    emit(Op::BackwardPass, phase);
    if (sends)
      sendBackward(phase);
  }
  void bothChunk(int32_t forwardPhase, int32_t backwardPhase, bool receives) {
    if (receives)
      receiveForward(forwardPhase);
    receiveBackward(backwardPhase);
    commit();
    forward(forwardPhase);
    emit(Op::BackwardPass, backwardPhase);
    sendForward(forwardPhase);
    sendBackward(backwardPhase);
  }

  int32_t p_, m_, r_;
  bool isFirst_, isLast_;
  int32_t counts_[static_cast<size_t>(Op::CommitP2P)][2] = {};
  std::vector<Instruction> step_;
  Steps steps_;
};

} // namespace

InstructionStreams dualPipeStreams(int32_t ranks, int32_t microbatches) {
  InstructionStreams out;
  out.schedule = "DualPipeVSchedule";
  out.microbatches = microbatches;
  for (int32_t r = 0; r < ranks; ++r) {
    out.buffers.push_back(2 * microbatches);
    out.steps.push_back(Rank(ranks, microbatches, r).run());
  }
  return out;
}

} // namespace recast::schedule
