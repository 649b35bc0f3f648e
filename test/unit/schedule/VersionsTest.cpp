// Versions derived from lists: against the plain walk, and against what the sources state.
#include "compiler/Schedule/Versions.h"

#include "compiler/Schedule/Lag.h"
#include "compiler/Schedule/Updates.h"
#include "test/unit/schedule/Fixtures.h"
#include "test/unit/schedule/Lists.h"
#include "test/unit/schedule/Walk.h"

#include <chrono>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

Schedule made(std::string_view kind, const Shape &shape) {
  auto out = generate(kind, shape);
  EXPECT_TRUE(out) << kind << ": " << out.error().str();
  return std::move(*out);
}

Versions read(const Schedule &schedule) {
  auto out = versionsOf(schedule);
  EXPECT_TRUE(out) << out.error().str();
  return std::move(*out);
}

TEST(Versions, AreThoseOfThePlainWalk) {
  size_t compared = 0;
  for (const std::string &kind : kinds())
    for (int32_t p = 1; p <= 4; ++p)
      for (int32_t m = 1; m <= 12; ++m)
        for (int32_t n : {0, 1, 2, 3, 4, 6}) {
          auto generated = generate(kind, {p, usualChunks(kind), m, 0, n});
          if (!generated)
            continue;
          SCOPED_TRACE(fmt::format("{} p={} m={} n={}", kind, p, m, n));
          Schedule schedule = withOptimizerSteps(*generated);
          Walk walked = walk(schedule);
          Versions versions = read(schedule);
          for (int32_t s = 0; s < schedule.stages(); ++s)
            for (int32_t b = 0; b < m; ++b) {
              bool isSplit = walked.seen.contains({s, b, ActionKind::BackwardInput});
              Seen f = walked.seen.at({s, b, ActionKind::Forward});
              Seen back = walked.seen.at(
                  {s, b, isSplit ? ActionKind::BackwardInput : ActionKind::Backward});
              EXPECT_EQ(versions.forward({s, b}), f);
              EXPECT_EQ(versions.backward({s, b}), back);
              EXPECT_EQ(versions.lag({s, b}), back.latest - f.latest);
              int32_t applied = walked.appliedBy.at({s, b});
              EXPECT_EQ(versions.appliedIn({s, b}), applied);
              EXPECT_EQ(versions.delay({s, b}), applied - 1 - f.version - f.ahead);
            }
          for (size_t r = 0; r < walked.copies.size(); ++r)
            EXPECT_EQ(versions.copies[r].peak, static_cast<int64_t>(walked.copies[r])) << r;
          ++compared;
        }
  EXPECT_GT(compared, 1000u);
}

TEST(Versions, LagIsDerivedInFillSteadyStateAndDrain) {
  for (int32_t p = 1; p <= 5; ++p)
    for (int32_t m = 1; m <= 14; ++m) {
      Schedule schedule = made("pipeoptim-paper", {p, 1, m});
      Versions versions = read(schedule);
      std::vector<LagError> expected;
      for (int32_t r = 0; r < p; ++r)
        for (int32_t b = 0; b < m; ++b) {
          EXPECT_EQ(versions.forward({r, b})->version, std::max(0, b - (p - 1 - r)));
          EXPECT_EQ(versions.backward({r, b})->version, b);
          EXPECT_EQ(versions.lag({r, b}), std::min(b, p - 1 - r));
          if (b < p - 1 - r)
            expected.push_back({{r, b}, p - 1 - r, b});
        }
      // The constant predicts too far while the pipeline fills, and is right to the end: no update
      // is missing while it drains.
      EXPECT_EQ(lagErrors(schedule, versions, schedule.weights), expected);
      auto code = lagErrors(schedule, versions, {WeightRule::Predict, LagRule::Code});
      EXPECT_EQ(code.size(), static_cast<size_t>(p) * static_cast<size_t>(m));
      EXPECT_TRUE(lagErrors(schedule, versions, {WeightRule::Predict}).empty());
    }
}

TEST(Versions, PipeOptimHoldsTwoCopiesAndPipeDreamOnePerRankBehind) {
  auto peaks = [](const Schedule &schedule) {
    std::vector<int64_t> out;
    for (const WeightCopies &copies : read(schedule).copies)
      out.push_back(copies.peak);
    return out;
  };
  EXPECT_EQ(peaks(made("pipeoptim_paper", {4, 1, 16})), (std::vector<int64_t>{2, 2, 2, 1}));
  EXPECT_EQ(peaks(made("pipeoptim_code", {4, 1, 16})), (std::vector<int64_t>{2, 2, 2, 2}));
  EXPECT_EQ(peaks(made("pipedream", {4, 1, 16})), (std::vector<int64_t>{4, 3, 2, 1}));
  EXPECT_EQ(peaks(made("2bw", {4, 1, 16})), (std::vector<int64_t>{2, 2, 2, 2}));
  EXPECT_EQ(peaks(made("async", {4, 1, 16})), (std::vector<int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(peaks(withOptimizerSteps(made("interleaved", {4, 2, 8}))),
            (std::vector<int64_t>{2, 2, 2, 2})); // One per stage.
}

TEST(Versions, SummariesSayWhatAMethodKeeps) {
  VersionSummary sync = summarize(read(withOptimizerSteps(made("zb-v", {4, 2, 8}))));
  EXPECT_FALSE(sync.differsInBackward || sync.differsFromFirstStage);
  EXPECT_EQ(sync.largestLag + sync.largestDelay, 0);

  Versions two = read(made("2bw", {4, 1, 16}));
  VersionSummary twoSays = summarize(two);
  EXPECT_FALSE(twoSays.differsInBackward || twoSays.differsFromFirstStage);
  for (int32_t b = 4; b < 16; ++b)
    EXPECT_EQ(two.delay({2, b}), 1); // One update, on every rank.

  VersionSummary dream = summarize(read(made("pipedream", {4, 1, 16})));
  EXPECT_FALSE(dream.differsInBackward);
  EXPECT_EQ(dream.differsFromFirstStage, (Pass{1, 3})); // 3 - 2 and max(3 - 3, 0)
  EXPECT_EQ(dream.largestDelay, 3);

  VersionSummary naive = summarize(read(made("async", {4, 1, 16})));
  EXPECT_EQ(naive.differsInBackward, (Pass{0, 1}));
  EXPECT_EQ(naive.largestLag, 3);

  Shape derived{4, 1, 16};
  derived.weights = WeightPolicy{.rule = WeightRule::Predict};
  VersionSummary exact = summarize(read(made("pipeoptim-paper", derived)));
  EXPECT_FALSE(exact.differsInBackward || exact.differsFromFirstStage);
  EXPECT_EQ(exact.largestDelay, 0);
  EXPECT_EQ(summarize(read(made("pipeoptim-paper", {4, 1, 16}))).differsInBackward, (Pass{0, 0}));
}

TEST(Versions, ListsMayLackPasses) {
  Versions versions = read(fromTexts({"0F0 0F1 0B1 0OPT"}));
  EXPECT_EQ(versions.backward({0, 0}), std::nullopt);
  EXPECT_EQ(versions.lag({0, 0}), std::nullopt);
  EXPECT_EQ(versions.appliedIn({0, 0}), std::nullopt);
  EXPECT_EQ(versions.delay({0, 1}), 0);
  EXPECT_EQ(versions.updates, std::vector<int32_t>{1});
  // As far ahead as a number goes.
  Versions far = read(fromTexts({"0F0 0B0 0OPT 0PREDICT1@2147483647 0F1 0RESTORE@1 0B1 0OPT"}));
  EXPECT_EQ(far.forward({0, 1})->aim(), int64_t{2147483648});
  EXPECT_EQ(far.delay({0, 1}), -int64_t{2147483647});
}

TEST(Versions, RefuseImpossibleWeightActions) {
  auto refused = [](const std::string &list, std::string_view reason) {
    auto out = versionsOf(fromTexts({list}));
    ASSERT_FALSE(out) << list;
    EXPECT_NE(out.error().str().find(reason), std::string::npos) << out.error().str();
  };
  refused(
      "0F0 0B0 0OPT 0RESTORE@0 0F1 0B1",
      "'0RESTORE@0' (rank 0, position 3) needs version 0, which is neither the latest there, 1");
  refused("0RESTORE@2147483647 0F0 0B0", "neither the latest there, 0");
  refused("0STASH@1 0F0 0B0", "'0STASH@1' (rank 0, position 0) keeps version 1");
  refused("0F0 0B0 0F0 0B0", "'0F0' (rank 0, position 2) has run before");
}

TEST(Versions, TakeLargeListsInTime) {
  for (std::string_view kind : {"interleaved", "pipedream"}) {
    bool isOne = kind == "pipedream"; // One chunk: more microbatches, as many actions.
    Schedule schedule = withOptimizerSteps(made(kind, {64, isOne ? 1 : 8, isOne ? 20480 : 10240}));
    size_t count = 0;
    for (const auto &list : schedule.actions)
      count += list.size();
    auto start = std::chrono::steady_clock::now();
    Versions versions = read(schedule);
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    RecordProperty(std::string(kind), fmt::format("{} actions in {:.3f} s", count, took.count()));
    // Many times what it takes, so that busy machines and sanitizers pass; squares would not.
    EXPECT_LT(took.count(), 20) << count;
    EXPECT_EQ(versions.stages(), schedule.stages());
  }
}

// Whatever a rule does before forwards and before backwards, what it gets wrong are the passes that
// aim at another version than their backward sees.
TEST(Versions, LagErrorsAreThePassesThatMissTheirBackward) {
  for (const char *kind : {"spectrain", "xpipe", "pipeoptim-paper", "pipeoptim-code"})
    for (int32_t p : {1, 2, 3, 4, 5})
      for (int32_t m : {p, 4 * p}) {
        auto schedule = generate(kind, {p, 1, m});
        ASSERT_TRUE(schedule) << schedule.error().str();
        auto versions = versionsOf(*schedule);
        ASSERT_TRUE(versions) << versions.error().str();
        std::vector<std::pair<int32_t, int32_t>> expected, found;
        for (int32_t stage = 0; stage < p; ++stage)
          for (int32_t b = 0; b < m; ++b)
            if (versions->forward({stage, b})->aim() != versions->backward({stage, b})->aim())
              expected.emplace_back(stage, b);
        for (const LagError &error : lagErrors(*schedule, *versions, schedule->weights))
          found.emplace_back(error.pass.stage, error.pass.microbatch);
        EXPECT_EQ(found, expected) << kind << " p=" << p << " m=" << m;
      }
}

} // namespace
} // namespace recast::schedule
