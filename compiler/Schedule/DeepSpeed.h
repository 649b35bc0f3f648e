// Schedules as DeepSpeed's instruction streams (deepspeed.runtime.pipe.schedule, 0.19): for every
// rank ("stage" there) steps, for every step the instructions that PipeEngine runs. Sends and
// receives block and are paired, except where CommitP2P launches them (DualPipeV).
//
// As JSON: {"schedule": name, "stages": p, "micro_batches": m, "num_pipe_buffers": by rank,
// "steps": by rank and step, instructions as texts, "ForwardPass(buffer_id=0)"}.
#pragma once

#include "compiler/Schedule/JsonTree.h"
#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

struct Instruction {
  enum class Op : uint8_t {
    LoadMicroBatch,
    ForwardPass,
    BackwardPass,
    SendActivation,
    RecvActivation,
    SendGrad,
    RecvGrad,
    ReduceTiedGrads,
    ReduceGrads,
    OptimizerStep,
    CommitP2P,
  };
  Op op = Op::CommitP2P;
  int32_t buffer = -1; ///< -1 where the instruction has none.
  int32_t phase = -1;  ///< -1 where none is written; DualPipeV: 0 out, 1 back.
  bool operator==(const Instruction &) const = default;
};

using Steps = std::vector<std::vector<Instruction>>;

struct InstructionStreams {
  std::string schedule; ///< DeepSpeed's class, or the kind.
  int32_t microbatches = 0;
  std::vector<int32_t> buffers; ///< By rank: how many the engine sets aside.
  std::vector<Steps> steps;     ///< By rank.
  bool operator==(const InstructionStreams &) const = default;
};

/// Streams of a synchronous schedule. With one stage per rank and whole backwards: steps in lock
/// step, backwards as soon and forwards as late as the lists allow, what a step needs moved at its
/// beginning, channels in one order for all ranks, so that blocking pairs never wait in a circle;
/// for 1f1b that is TrainSchedule, instruction for instruction. Two stages per rank: DualPipeV as
/// DeepSpeed runs it (whole backwards). Code::Usage, with the reason, for everything else: its
/// engine loads microbatches in their order and keeps one loss, so its last rank runs every
/// backward right after its forward.
Result<InstructionStreams> toInstructions(const Schedule &schedule);

/// The compute-only lists of streams: what is in which buffer is followed from the loads of the
/// first rank through every send and receive. Streams without backwards (InferenceSchedule) are
/// read too. Code::BadInput names rank and step: of buffers used before they are filled or filled
/// while they are needed, of sends and receives that do not pair or block each other, of optimizer
/// steps before the end.
Result<Schedule> fromInstructions(const InstructionStreams &streams);

std::string toDeepSpeedJson(const InstructionStreams &streams);
/// Strict (a "note" is taken). Texts are those of the form above, or as DeepSpeed's repr() has
/// them: "ReduceGrads()", a space after the comma.
Result<InstructionStreams> fromDeepSpeedJson(const JsonValue &root);

/// DualPipeVSchedule, instruction for instruction. `ranks` >= 1, `microbatches` >= 2 * ranks.
InstructionStreams dualPipeStreams(int32_t ranks, int32_t microbatches);

} // namespace recast::schedule
