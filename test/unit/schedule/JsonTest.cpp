// The JSON form: there and back, and what it refuses, by path.
#include "compiler/Schedule/Json.h"
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Generate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace recast::schedule {
namespace {

constexpr std::string_view kSmall = R"({
  "format": "recast.schedule", "version": 1, "kind": "1f1b", "ranks": 2, "chunks": 1,
  "microbatches": 2, "rank_of": [0, 1], "update_every": 0,
  "weights": {"rule": "latest", "lag": "derived", "optimizer": "unknown"},
  "actions": [["0F0", "0F1", "0B0", "0B1"], ["1F0", "1B0", "1F1", "1B1"]]
})";

/// kSmall with `from` replaced by `to`.
std::string with(std::string_view from, std::string_view to) {
  std::string text(kSmall);
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ScheduleJson, ReadsWhatGeneratorsMake) {
  auto read = fromJson(kSmall);
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(*read, *generate("1f1b", {2, 1, 2}));
}

TEST(ScheduleJson, RoundTripsEveryKind) {
  for (const std::string &kind : kinds())
    for (int32_t v : {1, 2, 3}) {
      auto schedule = generate(kind, {4, v, 12});
      if (!schedule)
        continue; // A kind of other chunks.
      auto read = fromJson(toJson(*schedule));
      ASSERT_TRUE(read) << kind << ": " << read.error().str();
      EXPECT_EQ(*read, *schedule) << kind;
    }
}

TEST(ScheduleJson, RoundTripsWeightsAndUpdates) {
  Schedule schedule = *generate("1f1b", {2, 1, 2});
  schedule.kind = "pipeoptim-paper";
  schedule.updateEvery = 1;
  for (WeightPolicy weights :
       {WeightPolicy{WeightRule::Predict, LagRule::Paper, 0, Optimizer::Adam},
        WeightPolicy{WeightRule::Predict, LagRule::Fixed, 3, Optimizer::Sgdm},
        WeightPolicy{WeightRule::DoubleBuffer}}) {
    schedule.weights = weights;
    schedule.actions[0] = {{ActionKind::Predict, false, 0, 1, 1},
                           {ActionKind::Forward, false, 0, 1},
                           {ActionKind::Restore, false, 0, -1, 0},
                           {ActionKind::Stash, false, 0, -1, 0},
                           {ActionKind::OptimizerStep, false, 0}};
    auto read = fromJson(toJson(schedule));
    ASSERT_TRUE(read) << read.error().str();
    EXPECT_EQ(*read, schedule);
  }
}

TEST(ScheduleJson, FillsInWhatMayBeLeftOut) {
  auto read = fromJson(R"({"format": "recast.schedule", "version": 1, "ranks": 1,
    "microbatches": 1, "rank_of": [0, 0], "actions": [["0F0", "1F0", "1B0", "0I0", "0W0"]]})");
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(read->kind, "explicit");
  EXPECT_EQ(read->chunks, 2);
  EXPECT_EQ(read->updateEvery, 0);
  EXPECT_EQ(read->weights, WeightPolicy{});
}

TEST(ScheduleJson, TakesUnderscoresInKinds) {
  auto read = fromJson(with("\"1f1b\"", "\"pipeoptim_paper\""));
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(read->kind, "pipeoptim-paper");
}

TEST(ScheduleJson, RefusesByPath) {
  auto refused = [](std::string text, std::string_view reason) {
    auto read = fromJson(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), Code::BadInput);
    EXPECT_EQ(read.error().message().substr(0, reason.size()), reason);
  };
  refused("", "not JSON at byte 0");
  refused("[]", "an object is expected");
  refused("[[[[[[[[[", "nested deeper than 8 levels");
  refused(R"({"format": null})", "null where none belongs");
  refused(with("\"ranks\"", "\"rank\""), "there is no key 'rank'; known: format, version, kind");
  refused(with("\"ranks\": 2", "\"ranks\": 2, \"ranks\": 2"), "key 'ranks' twice");
  refused(with("recast.schedule", "recast"), "format: 'recast' is none of recast.schedule");
  refused(with("\"version\": 1", "\"version\": 2"), "version: 2 is not between 1 and 1");
  refused(with("\"1f1b\"", "\"1f1b\\n\""), "kind: there is no kind of schedule '1f1b\\x0a'");
  refused(with("\"1f1b\"", "\"1f1c\""), "kind: there is no kind of schedule '1f1c'");
  refused(with("\"ranks\": 2", "\"ranks\": 3"), "actions: 2 lists for 3 ranks");
  refused(with("\"ranks\": 2", "\"ranks\": \"2\""), "ranks: a whole number is expected");
  refused(with("\"ranks\": 2", "\"ranks\": 2.0"), "'2.0' is not a whole number");
  refused(with("\"ranks\": 2", "\"ranks\": 18446744073709551615"),
          "ranks: 18446744073709551615 is not between 1 and 2147483647");
  refused(with("\"chunks\": 1", "\"chunks\": 2"),
          "chunks: 2 chunks, but `rank_of` gives a rank 1 stage at most");
  refused(with("[0, 1]", "[0, 2]"), "rank_of[1]: 2 is not between 0 and 1");
  refused(with("[0, 1]", "[0, -1]"), "rank_of[1]: -1 is not between 0 and 1");
  refused(with("[0, 1]", "[]"), "rank_of: a schedule has at least one stage");
  refused(with("\"update_every\": 0", "\"update_every\": 3"),
          "update_every: an update after every 3 microbatches of 2");
  refused(with("\"latest\"", "\"newest\""), "weights.rule: 'newest' is none of latest, stash");
  refused(with("\"derived\"", "-1"), "weights.lag: -1 is not between 0 and");
  refused(with("\"lag\"", "\"lags\""), "weights: there is no key 'lags'");
  refused(with("\"1F1\"", "\"1F\""), "actions[1][2]: '1F' is no action: F needs a microbatch");
  refused(with("\"1F1\"", "7"), "actions[1][2]: a string is expected");
  refused(with("\"1F1\"", "\"1F2\""), "actions[1][2]: '1F2' is of microbatch 2; there are 2");
  refused(with("\"1F1\"", "\"2F1\""), "actions[1][2]: '2F1' is of stage 2; there are 2");
  refused(with("\"1F1\"", "\"0F1\""), "actions[1][2]: '0F1' is in the list of rank 1, but stage 0");
  refused(with("\"microbatches\": 2", "\"microbatches\": 2000000000"),
          "actions: 2000000000 microbatches through 2 stages are 8000000000 passes at least");
}

} // namespace
} // namespace recast::schedule
