// Lowered lists against those that PyTorch lowered.
#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Channels.h"
#include "compiler/Schedule/Csv.h"
#include "compiler/Schedule/HashOrder.h"
#include "test/unit/schedule/Fixtures.h"

#include <gtest/gtest.h>

namespace recast::schedule {
namespace {

TEST(Comms, AreThoseOfPyTorch) {
  auto files = samples(".compute_comms.csv");
  EXPECT_EQ(files.size(), 15u);
  for (const Sample &sample : files) {
    SCOPED_TRACE(sample.file);
    auto lowered = addComms(*generate(sample.kind, sample.shape));
    ASSERT_TRUE(lowered) << lowered.error().str();
    EXPECT_EQ(*toCsv(*lowered), fixture(sample.file));
    EXPECT_EQ(computeOnly(*lowered), *generate(sample.kind, sample.shape));
  }
}

TEST(Comms, DeferredReceivesAreThoseOfPyTorch) {
  auto files = samples(".compute_comms_defer.csv");
  EXPECT_EQ(files.size(), 11u);
  for (const Sample &sample : files) {
    SCOPED_TRACE(sample.file);
    auto lowered = addComms(*generate(sample.kind, sample.shape));
    ASSERT_TRUE(lowered);
    auto deferred = deferReceives(*lowered);
    ASSERT_TRUE(deferred) << deferred.error().str();
    EXPECT_EQ(*toCsv(*deferred), fixture(sample.file));
  }
}

TEST(Comms, NameWhoWaitsForWhom) {
  auto schedule = fromCsv("0F0,0B1,0F1,0B0\n1F0,1B0,1F1,1B1\n");
  ASSERT_TRUE(schedule);
  auto lowered = addComms(*schedule);
  ASSERT_FALSE(lowered);
  EXPECT_EQ(lowered.error().code(), Code::BadInput);
  EXPECT_EQ(lowered.error().message(),
            "ranks wait for each other: rank 0 cannot run '0B1', for which "
            "'1B1' has to run first, on rank 1");
  Schedule withStep = *schedule;
  withStep.actions[0].push_back({ActionKind::OptimizerStep, false, 0});
  EXPECT_EQ(addComms(withStep).error().code(), Code::Usage);
}

TEST(Comms, DeferRefusesReceivesWithoutUseOrSender) {
  auto message = [](std::string_view text) {
    return deferReceives(*fromCsv(text)).error().message();
  };
  EXPECT_EQ(message("0F0,0SEND_F0,0B0\n1RECV_F0,1B0\n"),
            "rank 1 receives '1RECV_F0' and never uses it");
  EXPECT_EQ(message("0RECV_F0,0F0,0B0\n"), "'0RECV_F0' of rank 0 has no stage at its other end");
}

// Of PyTorch's own files, those with receives put off are not all in order: run, they give wrong
// gradients.
TEST(Comms, KeepTheOrderOfChannels) {
  size_t outOfOrder = 0;
  for (const std::string ending : {".compute_comms.csv", ".compute_comms_defer.csv"})
    for (const Sample &sample : samples(ending)) {
      SCOPED_TRACE(sample.file);
      bool breaks = ending != ".compute_comms.csv" &&
                    (sample.kind == "dualpipe-v" ||
                     (sample.kind == "zb-v" && sample.shape.microbatches == 8));
      EXPECT_EQ(checkChannels(*fromCsv(fixture(sample.file))).has_value(), !breaks);
      outOfOrder += breaks;
    }
  EXPECT_EQ(outOfOrder, 3u);
  auto message = [](std::string_view text) {
    return checkChannels(*fromCsv(text)).error().message();
  };
  EXPECT_EQ(
      message("0F0,0SEND_F0,0F1,0SEND_F1,0B0,0B1\n1RECV_F1,1RECV_F0,1F0,1F1,1B0,1B1\n"),
      "number 1 of what rank 0 sends rank 1 is '0SEND_F0', but rank 1 receives '1RECV_F1' then");
  EXPECT_EQ(message("0F0,0SEND_F0,0B0\n1F0,1B0\n"),
            "number 1 of what rank 0 sends rank 1 is '0SEND_F0', but rank 1 receives nothing then");
  EXPECT_EQ(message("0F0,0B0\n1RECV_F0,1F0,1B0\n"),
            "number 1 of what rank 0 sends rank 1 is nothing, but rank 1 receives '1RECV_F0' then");
  EXPECT_EQ(message("0F0,0SEND_B0,0B0\n"), "'0SEND_B0' of rank 0 has no stage at its other end");
}

// What list(set) gives in CPython 3.11 after the same additions and removals (below 0).
TEST(HashOrder, IsThatOfCPython) {
  auto order = [](std::vector<int32_t> steps) {
    HashOrderedSet set;
    for (int32_t step : steps)
      step < 0 ? set.remove(-step) : set.add(step);
    return set.values();
  };
  using Values = std::vector<int32_t>;
  EXPECT_EQ(order({19, 8, -19, 19, 15, 1}), (Values{8, 1, 19, 15}));
  EXPECT_EQ(order({6, 1, 7, -7, 7}), (Values{1, 6, 7}));
  EXPECT_EQ(order({9, -9, 11, -11, 17, 4}), (Values{17, 4}));
  EXPECT_EQ(order({2, 10, -2, 18, 11}), (Values{11, 18, 10}));
  EXPECT_EQ(order({13, 7, -7, -13, 2, 13, 18}), (Values{2, 18, 13}));
}

} // namespace
} // namespace recast::schedule
