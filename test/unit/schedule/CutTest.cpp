#include "compiler/Schedule/Updates.h"
#include "test/unit/schedule/Fixtures.h"
#include "test/unit/schedule/Lists.h"
#include "test/unit/schedule/Symbolic.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::schedule {
namespace {

Schedule made(std::string_view kind, const Shape &shape) {
  auto out = generate(kind, shape);
  EXPECT_TRUE(out) << kind << ": " << out.error().str();
  return withOptimizerSteps(std::move(*out));
}

Cut cutOf(const Schedule &schedule, const CutPosition &position) {
  auto versions = versionsOf(schedule);
  EXPECT_TRUE(versions);
  auto out = cutAt(schedule, *versions, position);
  EXPECT_TRUE(out) << out.error().str();
  return std::move(*out);
}

Cut cutAfter(const Schedule &schedule, int32_t microbatch) {
  auto position = cutAfterMicrobatch(schedule, microbatch);
  EXPECT_TRUE(position) << position.error().str();
  return cutOf(schedule, *position);
}

std::string text(const Cut &cut) { return fmt::format("{}", fmt::join(sentences(cut), "\n")); }

/// Stops a run at random places; goes on from what each cut says.
void resumeEverywhere(const Schedule &schedule, uint32_t seed, size_t &exact, size_t &inexact) {
  Training whole(schedule);
  whole.finish(schedule);
  auto versions = versionsOf(schedule);
  ASSERT_TRUE(versions);
  std::mt19937 random(seed);
  Training run(schedule);
  for (bool isMoving = true; isMoving;) {
    auto cut = cutAt(schedule, *versions, run.position);
    ASSERT_TRUE(cut) << cut.error().str();
    SCOPED_TRACE(fmt::format("at {}\n{}", fmt::join(run.position, " "), text(*cut)));
    Training again = resume(schedule, run, *cut, false);
    again.finish(schedule);
    ASSERT_EQ(again.results(), whole.results());
    Training alone = resume(schedule, run, *cut, true);
    alone.finish(schedule);
    ASSERT_EQ(alone.results() == whole.results(), cut->isExact());
    ++(cut->isExact() ? exact : inexact);
    size_t first = random() % run.position.size();
    isMoving = false;
    for (size_t i = 0; i < run.position.size() && !isMoving; ++i)
      isMoving = run.step(schedule, (first + i) % run.position.size());
  }
  EXPECT_EQ(run.results(), whole.results());
}

TEST(Cut, ResumedRunsDoTheSameArithmetic) {
  size_t exact = 0, inexact = 0;
  for (const std::string &kind : kinds())
    for (int32_t p = 1; p <= 4; ++p)
      for (int32_t m : {1, 2, 4, 5, 8}) {
        auto generated = generate(kind, {p, usualChunks(kind), m});
        if (!generated)
          continue;
        SCOPED_TRACE(fmt::format("{} p={} m={}", kind, p, m));
        resumeEverywhere(withOptimizerSteps(*generated), static_cast<uint32_t>(p * m), exact,
                         inexact);
        if (HasFatalFailure())
          return;
      }
  EXPECT_GT(exact, 300u);
  EXPECT_GT(inexact, 3000u);
  // A prediction that outlives the version it was made from.
  resumeEverywhere(fromTexts({"0PREDICT0@1 0F0 0RESTORE@0 0B0 0PREDICT1@2 0OPT 0F1 0RESTORE@1 0B1 "
                              "0OPT"}),
                   1, exact, inexact);
}

TEST(Cut, SynchronousListsAreExactAtTheStep) {
  for (std::string_view kind : {"gpipe", "1f1b", "zb-v", "interleaved"}) {
    Schedule schedule = made(kind, {4, usualChunks(kind), 8});
    Cut cut = cutAfter(schedule, 7);
    EXPECT_TRUE(cut.isExact() && cut.isConsistent());
    EXPECT_EQ(cut.stages[0].version, 1);
    EXPECT_EQ(text(cut), "All stages are at version 1.\nResuming from W, m and v is exact: nothing "
                         "is in flight, no gradient waits, no older version is needed.");
  }
  Cut middle = cutAfter(made("1f1b", {2, 1, 4}), 1);
  EXPECT_FALSE(middle.isExact());
  EXPECT_EQ(middle.stages[0].gradients, (std::vector<int32_t>{0, 1}));
}

TEST(Cut, AsynchronousKindsNeedWhatTheirPassesSaw) {
  // Rank r of 4 has forwards 4 .. 3 + (3 - r) in flight after microbatch 3.
  Cut stash = cutAfter(made("pipedream", {4, 1, 12}), 3);
  EXPECT_TRUE(stash.isConsistent());
  EXPECT_FALSE(stash.isExact() || stash.isDrained());
  EXPECT_EQ(stash.inFlight, (std::vector<int32_t>{4, 5, 6}));
  EXPECT_EQ(stash.stages[0].version, 4);
  EXPECT_EQ(stash.stages[0].stashed, (std::vector<int32_t>{1, 2, 3}));
  EXPECT_TRUE(stash.stages[3].stashed.empty());
  for (const StageCut &stage : stash.stages)
    for (const HeldPass &held : stage.held)
      EXPECT_EQ(held.replay, Replay::Exact);

  Cut two = cutAfter(made("2bw", {4, 1, 12}), 5);
  EXPECT_EQ(two.stages[3].version, 1);
  EXPECT_EQ(two.stages[3].stashed, (std::vector<int32_t>{0}));
  EXPECT_EQ(two.stages[3].gradients, (std::vector<int32_t>{4, 5}));

  Cut predicted = cutAfter(made("pipeoptim-paper", {4, 1, 12}), 3);
  EXPECT_TRUE(predicted.isConsistent());
  EXPECT_EQ(predicted.stages[0].held,
            (std::vector<HeldPass>{{{0, 4}, {1, 3, 1}, Replay::Predicted},
                                   {{0, 5}, {2, 3, 2}, Replay::Predicted},
                                   {{0, 6}, {3, 3, 3}, Replay::Predicted}}));
  EXPECT_TRUE(predicted.stages[0].stashed.empty());
  EXPECT_NE(
      text(predicted).find("Save of stage 0 (rank 0): activations of microbatches 4-6, or the "
                           "predicted weights, or versions 1-3 of W, m and v"),
      std::string::npos)
      << text(predicted);

  Cut naive = cutAfter(made("async", {4, 1, 12}), 3);
  EXPECT_EQ(naive.stages[0].held.front().replay, Replay::Older);
  for (std::string_view kind :
       {"pipedream", "2bw", "async", "spectrain", "xpipe", "pipeoptim-paper", "pipeoptim-code"})
    EXPECT_TRUE(cutAfter(made(kind, {4, 1, 12}), 11).isExact()) << kind; // Drained.
}

TEST(Cut, CanBeAtATime) {
  Schedule schedule = made("1f1b", {2, 1, 2});
  auto simulation = simulate(schedule);
  ASSERT_TRUE(simulation);
  // Forwards take 1: rank 0 has run two, rank 1 one.
  auto position = cutAtTime(*simulation, 2);
  ASSERT_TRUE(position);
  EXPECT_EQ(*position, (CutPosition{2, 1}));
  Cut cut = cutOf(schedule, *position);
  EXPECT_EQ(cut.transit, (std::vector<Transit>{{{1, 1}, false}}));
  EXPECT_EQ(cut.inFlight, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(*cutAtTime(*simulation, -1), (CutPosition{0, 0}));
  EXPECT_EQ(*cutAtTime(*simulation, INFINITY),
            (CutPosition{schedule.actions[0].size(), schedule.actions[1].size()}));
  EXPECT_FALSE(cutAtTime(*simulation, std::nan("")));
}

TEST(Cut, RefusesWhereNoRunStops) {
  Schedule schedule = made("1f1b", {2, 1, 2});
  auto versions = versionsOf(schedule);
  ASSERT_TRUE(versions);
  auto refused = [&](const CutPosition &position, std::string_view reason) {
    auto out = cutAt(schedule, *versions, position);
    ASSERT_FALSE(out) << reason;
    EXPECT_NE(out.error().str().find(reason), std::string::npos) << out.error().str();
  };
  refused({0, 1}, "'1F0' (rank 1, position 0) has run, but not the forward of microbatch 0 through "
                  "stage 0, which it needs (rank 0 is at 0)");
  refused({4, 1}, "the backward of microbatch 0 through stage 1");
  refused({0}, "one position per rank, 2, not 1");
  refused({0, 99}, "position 99 of rank 1, whose list has 5");
  EXPECT_FALSE(cutAfterMicrobatch(schedule, 2));
  EXPECT_FALSE(cutAfterMicrobatch(schedule, -1));
  EXPECT_FALSE(cutAfterMicrobatch(fromTexts({"0F0 0F1 0B1"}), 0));
  Schedule pair = fromTexts({"0F0 (0F1;0B0)OVERLAP_F_B 0B1"});
  auto between = cutAt(pair, *versionsOf(pair), {2});
  ASSERT_FALSE(between);
  EXPECT_NE(between.error().str().find("between the two of a pair"), std::string::npos);
}

} // namespace
} // namespace recast::schedule
