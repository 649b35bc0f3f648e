// DeepSpeed's instruction streams: those that it generated, there and back, and broken ones.
#include "compiler/Schedule/DeepSpeed.h"
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Csv.h"
#include "test/unit/schedule/Fixtures.h"

#include <gtest/gtest.h>

namespace recast::schedule {
namespace {

Result<InstructionStreams> parse(const std::string &text) {
  auto tree = readJson(text);
  EXPECT_TRUE(tree) << tree.error().str();
  return fromDeepSpeedJson(JsonValue(*tree));
}

/// As DeepSpeed runs it: whole backwards, no pairs.
Schedule whole(Schedule schedule) {
  for (auto &list : schedule.actions) {
    std::erase_if(list, [](const Action &a) { return a.kind == ActionKind::BackwardWeight; });
    for (Action &action : list) {
      action.overlapsNext = false;
      if (action.kind == ActionKind::BackwardInput)
        action.kind = ActionKind::Backward;
    }
  }
  if (schedule.kind != "1f1b") // TrainSchedule; others are of no class that has a kind's order.
    schedule.kind = "explicit";
  return schedule;
}

TEST(DeepSpeedStreams, AreThoseOfDeepSpeed) {
  size_t compared = 0;
  for (const Sample &sample : samples(".json")) {
    if (!sample.stem.starts_with("deepspeed_"))
      continue;
    SCOPED_TRACE(sample.file);
    auto expected = parse(fixture(sample.file));
    ASSERT_TRUE(expected) << expected.error().str();
    Schedule schedule = *generate(sample.kind, sample.shape);
    auto streams = toInstructions(schedule);
    ASSERT_TRUE(streams) << streams.error().str();
    EXPECT_EQ(*streams, *expected);
    auto read = fromInstructions(*expected);
    ASSERT_TRUE(read) << read.error().str();
    EXPECT_EQ(*read, whole(schedule));
    ++compared;
  }
  EXPECT_EQ(compared, 3u);
}

TEST(DeepSpeedStreams, RoundTrip) {
  for (const std::string kind : {"1f1b", "dualpipe-v", "interleaved"})
    for (int32_t p : {1, 2, 3, 4, 7})
      for (int32_t m : {1, 2, 5, 14}) {
        auto schedule = generate(kind, {p, kind == "dualpipe-v" ? 2 : 1, m});
        if (!schedule)
          continue; // The condition is another test's.
        SCOPED_TRACE(kind + " p=" + std::to_string(p) + " m=" + std::to_string(m));
        auto streams = toInstructions(*schedule);
        ASSERT_TRUE(streams) << streams.error().str();
        auto again = parse(toDeepSpeedJson(*streams));
        ASSERT_TRUE(again) << again.error().str();
        EXPECT_EQ(*again, *streams);
        auto read = fromInstructions(*streams);
        ASSERT_TRUE(read) << read.error().str();
        EXPECT_EQ(*read, whole(*schedule));
      }
}

TEST(DeepSpeedStreams, KeepTheirClass) {
  for (std::string file :
       {"deepspeed_TrainSchedule_p4_m8.json", "deepspeed_DualPipeVSchedule_p3_m7.json"}) {
    auto streams = parse(fixture(file));
    ASSERT_TRUE(streams);
    auto again = toInstructions(*fromInstructions(*streams));
    ASSERT_TRUE(again) << again.error().str();
    EXPECT_EQ(again->schedule, streams->schedule);
  }
  // A name that the lists do not deserve is not theirs.
  auto streams = toInstructions(*fromCsv("0F0,0F1,0F2,0B0,0B1,0B2\n1F0,1B0,1F1,1B1,1F2,1B2\n"));
  ASSERT_TRUE(streams) << streams.error().str();
  streams->schedule = "TrainSchedule";
  EXPECT_EQ(fromInstructions(*streams)->kind, "explicit");
}

// Rank 0 runs ahead of rank 1 and turns late: outputs and gradients wait where they are, and
// buffers hold more than the passes in flight.
TEST(DeepSpeedStreams, OfAnyOrderThatDoesNotDeadlock) {
  auto schedule = fromCsv("0F0,0F1,0F2,0F3,0B0,0B1,0F4,0B2,0B3,0B4\n"
                          "1F0,1F1,1B0,1F2,1F3,1B1,1B2,1B3,1F4,1B4\n"
                          "2F0,2B0,2F1,2B1,2F2,2B2,2F3,2B3,2F4,2B4\n");
  ASSERT_TRUE(schedule);
  auto streams = toInstructions(*schedule);
  ASSERT_TRUE(streams) << streams.error().str();
  auto read = fromInstructions(*streams);
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(*read, *schedule);
  EXPECT_EQ(streams->buffers, (std::vector<int32_t>{4, 3, 2}));
}

TEST(DeepSpeedStreams, ReadForwardOnly) {
  auto streams = parse(fixture("deepspeed_InferenceSchedule_p3_m4.json"));
  ASSERT_TRUE(streams) << streams.error().str();
  auto read = fromInstructions(*streams);
  ASSERT_TRUE(read) << read.error().str();
  for (int32_t r = 0; r < 3; ++r)
    for (int32_t b = 0; b < 4; ++b)
      EXPECT_EQ(read->actions[static_cast<size_t>(r)][static_cast<size_t>(b)],
                (Action{ActionKind::Forward, false, r, b}));
}

TEST(DeepSpeedStreams, AreRefusedWithTheReason) {
  auto refused = [](Schedule schedule, std::string_view reason) {
    auto streams = toInstructions(schedule);
    ASSERT_FALSE(streams) << reason;
    EXPECT_EQ(streams.error().code(), Code::Usage);
    EXPECT_NE(streams.error().str().find(reason), std::string::npos) << streams.error().str();
  };
  refused(*generate("zb-h1", {4, 1, 8}), "DeepSpeed has no '0I0': its backwards are whole");
  refused(*generate("gpipe", {4, 1, 8}),
          "keeps one loss: its last rank runs every backward right after its forward, "
          "not '3F1' after '3F0'");
  refused(*generate("zb-v", {4, 2, 8}), "the two of DualPipeV in its order; this schedule has 2");
  refused(*generate("interleaved", {4, 3, 8}), "this schedule has 3 in another");
  refused(*fromCsv("1F0,1B0\n0F0,0B0\n"), "DeepSpeed puts stage 0 on rank 0; here it is on rank 1");
  refused(*fromCsv("0F0,0F1,0B0\n1F0,1B0,1F1\n"), "a rank here has 3 passes for 2 microbatches");
  refused(*fromCsv("0F1,0F0,0B1,0B0\n1F1,1F0,1B1,1B0\n"),
          "in the order of microbatches; '0F1' is out of it");
  Schedule schedule = *generate("1f1b", {2, 1, 4});
  schedule.updateEvery = 1;
  refused(schedule, "Write it as json");
  schedule.updateEvery = 0;
  std::swap(schedule.actions[0][1], schedule.actions[0][2]); // 0B0 before 0F1: fine.
  EXPECT_TRUE(toInstructions(schedule));
  std::swap(schedule.actions[0][0], schedule.actions[0][1]); // 0B0 before 0F0: a circle.
  EXPECT_EQ(toInstructions(schedule).error().code(), Code::BadInput);
}

/// The fixture of two stages with `from` replaced by `to`.
Result<Schedule> damaged(std::string_view from, std::string_view to) {
  std::string text = fixture("deepspeed_TrainSchedule_p2_m4.json");
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  auto streams = parse(text.replace(at, from.size(), to));
  if (!streams)
    return fail(streams.error());
  return fromInstructions(*streams);
}

TEST(DeepSpeedStreams, RefuseDamagedOnes) {
  auto refused = [](std::string_view from, std::string_view to, std::string_view reason) {
    auto read = damaged(from, to);
    ASSERT_FALSE(read) << to;
    EXPECT_EQ(read.error().code(), Code::BadInput);
    EXPECT_EQ(read.error().message().substr(0, reason.size()), reason);
  };
  refused("ForwardPass(buffer_id=0)", "ForwardPass(buffer_id=2)",
          "steps[0][0][1]: buffer 2; the stage has 2, from 0");
  refused("ForwardPass(buffer_id=0)", "ForwardPass(buffer_id=-1)",
          "steps[0][0][1]: 'ForwardPass(buffer_id=-1)' is no instruction: its arguments are");
  refused("ForwardPass(buffer_id=0)", "ForwardPass(buffer_id=0) ",
          "steps[0][0][1]: 'ForwardPass(buffer_id=0) ' is no instruction");
  refused("ForwardPass(buffer_id=0)", "WeightPass(buffer_id=0)",
          "steps[0][0][1]: 'WeightPass(buffer_id=0)' is no instruction: known are LoadMicroBatch");
  refused("ForwardPass(buffer_id=0)", "ForwardPass(buffer_id=1)",
          "rank 0, step 0: buffer 1 has no input");
  refused("\"LoadMicroBatch(buffer_id=0)\",", "", "rank 0, step 0: buffer 0 has no input");
  refused("\"SendActivation(buffer_id=0)\"", "",
          "rank 0, step 3: a transfer with rank 1 waits forever");
  refused("[\"LoadMicroBatch(buffer_id=1)\"", "[\"LoadMicroBatch(buffer_id=0)\"",
          "rank 0, step 2: buffer 0 is filled while it holds microbatch 0");
  refused("\"RecvGrad(buffer_id=0)\",\"SendActivation(buffer_id=1)\"",
          "\"SendActivation(buffer_id=1)\",\"RecvGrad(buffer_id=0)\"",
          "rank 0, step 3: a transfer with rank 1 waits forever: that rank stops in step 3");
  refused("\"RecvGrad(buffer_id=0)\"", "\"RecvGrad(buffer_id=1)\"",
          "rank 0, step 3: the gradient of microbatch 0 comes into buffer 1");
  refused("\"BackwardPass(buffer_id=0)\"", "\"BackwardPass(buffer_id=0)\",\"OptimizerStep\"",
          "rank 0, step 3: a batch ends in ReduceTiedGrads, ReduceGrads and OptimizerStep");
  refused("\"ReduceGrads\",\"OptimizerStep\"", "\"ReduceGrads\"",
          "rank 0 does not end in an OptimizerStep");
  refused("\"stages\":2", "\"stages\":3", "steps: 2 lists of steps for 3 stages");
  refused("\"micro_batches\":4", "\"micro_batches\":5",
          "rank 0 runs 4 forwards and 4 backwards of 5");
  refused("\"micro_batches\":4", "\"micro_batches\":3", "rank 0, step 6: a load after all 3");
}

TEST(DeepSpeedStreams, RefuseWhatTheEngineHasNoRoomFor) {
  auto streams = parse(
      R"x({"schedule": "x", "stages": 1, "micro_batches": 2, "num_pipe_buffers": [2], "steps": [[
      ["LoadMicroBatch(buffer_id=0)", "ForwardPass(buffer_id=0)"],
      ["LoadMicroBatch(buffer_id=1)", "ForwardPass(buffer_id=1)"],
      ["BackwardPass(buffer_id=0)", "BackwardPass(buffer_id=1)", "OptimizerStep()"]]]})x");
  ASSERT_TRUE(streams) << streams.error().str();
  EXPECT_EQ(fromInstructions(*streams).error().message(),
            "rank 0, step 2: the backward of microbatch 0 does not follow its forward; DeepSpeed's "
            "engine "
            "keeps one loss");
}

TEST(DeepSpeedStreams, RefuseQueuedTransfersThatDoNotPair) {
  std::string text = fixture("deepspeed_DualPipeVSchedule_p3_m7.json");
  std::string_view send = "\"SendActivation(buffer_id=0,phase=0)\"";
  text.replace(text.find(send), send.size(), "\"SendActivation(buffer_id=1,phase=0)\"");
  auto streams = parse(text);
  ASSERT_TRUE(streams);
  auto read = fromInstructions(*streams);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message(), "rank 1 does not receive what rank 0 sends, in its order");
}

} // namespace
} // namespace recast::schedule
