#include "compiler/Schedule/DeepSpeed.h"
#include "runtime/base/Printable.h"

#include <algorithm>
#include <charconv>
#include <fmt/ranges.h>
#include <limits>

namespace recast::schedule {
namespace {

constexpr std::string_view kOps[] = {"LoadMicroBatch", "ForwardPass",     "BackwardPass",
                                     "SendActivation", "RecvActivation",  "SendGrad",
                                     "RecvGrad",       "ReduceTiedGrads", "ReduceGrads",
                                     "OptimizerStep",  "CommitP2P"};

bool hasBuffer(Instruction::Op op) { return op <= Instruction::Op::RecvGrad; }

/// Takes `name=number`; false where the text does not begin so.
bool takeArgument(std::string_view &text, std::string_view name, int32_t &out) {
  if (!text.starts_with(name) || !text.substr(name.size()).starts_with('='))
    return false;
  text.remove_prefix(name.size() + 1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || out < 0)
    return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

Result<Instruction> parse(const JsonValue &value) {
  RECAST_ASSIGN(std::string_view whole, value.text());
  auto refuse = [&](std::string_view why) {
    return value.refuse(fmt::format("'{}' is no instruction: {}", printable(whole, 60), why));
  };
  std::string_view text = whole, name = text.substr(0, text.find('('));
  auto found = std::ranges::find(kOps, name);
  if (found == std::end(kOps))
    return refuse(fmt::format("known are {}", fmt::join(kOps, ", ")));
  Instruction out;
  out.op = static_cast<Instruction::Op>(found - std::begin(kOps));
  text.remove_prefix(name.size());
  if (!hasBuffer(out.op)) {
    if (!text.empty() && text != "()")
      return refuse("it has no arguments");
    return out;
  }
  if (!text.starts_with('('))
    return refuse("it needs (buffer_id=N)");
  text.remove_prefix(1);
  bool good = takeArgument(text, "buffer_id", out.buffer);
  if (good && text.starts_with(',')) {
    text.remove_prefix(text.starts_with(", ") ? 2 : 1);
    good = takeArgument(text, "phase", out.phase) && out.phase <= 1;
  }
  if (!good || text != ")")
    return refuse("its arguments are (buffer_id=N) or (buffer_id=N,phase=0 or 1)");
  return out;
}

std::string str(const Instruction &instruction) {
  std::string_view name = kOps[static_cast<size_t>(instruction.op)];
  if (instruction.buffer < 0)
    return std::string(name);
  if (instruction.phase < 0)
    return fmt::format("{}(buffer_id={})", name, instruction.buffer);
  return fmt::format("{}(buffer_id={},phase={})", name, instruction.buffer, instruction.phase);
}

} // namespace

std::string toDeepSpeedJson(const InstructionStreams &streams) {
  std::string out =
      fmt::format("{{\n  \"schedule\": {},\n  \"stages\": {},\n  \"micro_batches\": {},\n"
                  "  \"num_pipe_buffers\": [{}],\n  \"steps\": [",
                  nlohmann::json(streams.schedule).dump(), streams.steps.size(),
                  streams.microbatches, fmt::join(streams.buffers, ", "));
  std::string_view ofRank = "\n";
  for (const Steps &steps : streams.steps) {
    out += ofRank;
    out += "    [";
    ofRank = ",\n";
    std::string_view ofStep = "\n      [";
    for (const std::vector<Instruction> &step : steps) {
      out += ofStep;
      ofStep = ",\n      [";
      std::string_view quote = "\"";
      for (const Instruction &instruction : step) {
        out += quote;
        out += str(instruction);
        out += '"';
        quote = ", \"";
      }
      out += ']';
    }
    out += "\n    ]";
  }
  return out + "\n  ]\n}\n";
}

Result<InstructionStreams> fromDeepSpeedJson(const JsonValue &root) {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  RECAST_TRY(
      root.only({"schedule", "stages", "micro_batches", "num_pipe_buffers", "note", "steps"}));
  InstructionStreams out;
  RECAST_ASSIGN(JsonValue name, root.member("schedule"));
  RECAST_ASSIGN(std::string_view schedule, name.text());
  out.schedule = schedule;
  RECAST_ASSIGN(JsonValue ranks, root.member("steps"));
  RECAST_ASSIGN(size_t rankCount, ranks.size());
  RECAST_ASSIGN(JsonValue stages, root.member("stages"));
  RECAST_ASSIGN(int32_t stated, stages.integer(1, kMost));
  if (rankCount != static_cast<size_t>(stated))
    return ranks.refuse(fmt::format("{} lists of steps for {} stages", rankCount, stated));
  RECAST_ASSIGN(JsonValue microbatches, root.member("micro_batches"));
  RECAST_ASSIGN(out.microbatches, microbatches.integer(1, kMost));
  RECAST_ASSIGN(JsonValue buffers, root.member("num_pipe_buffers"));
  RECAST_ASSIGN(out.buffers, buffers.integers(1, kMost));
  if (out.buffers.size() != rankCount)
    return buffers.refuse(fmt::format("{} numbers for {} stages", out.buffers.size(), rankCount));
  if (root.has("note")) {
    RECAST_ASSIGN(JsonValue note, root.member("note"));
    RECAST_TRY(note.text());
  }
  out.steps.resize(rankCount);
  for (size_t r = 0; r < rankCount; ++r) {
    JsonValue steps = ranks.at(r);
    RECAST_ASSIGN(size_t stepCount, steps.size());
    out.steps[r].resize(stepCount);
    for (size_t t = 0; t < stepCount; ++t) {
      JsonValue step = steps.at(t);
      RECAST_ASSIGN(size_t count, step.size());
      for (size_t i = 0; i < count; ++i) {
        JsonValue value = step.at(i);
        RECAST_ASSIGN(Instruction instruction, parse(value));
        if (instruction.buffer >= out.buffers[r])
          return value.refuse(fmt::format("buffer {}; the stage has {}, from 0", instruction.buffer,
                                          out.buffers[r]));
        out.steps[r][t].push_back(instruction);
      }
    }
  }
  return out;
}

} // namespace recast::schedule
