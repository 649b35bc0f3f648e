// Generated orders against those that PyTorch 2.13 and Megatron-Core 0.16.1 produced, action for
// action (test/data/schedules: one row per rank, blanks are bubbles).
#include "compiler/Schedule/ActionText.h"
#include "test/unit/schedule/Fixtures.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

namespace recast::schedule {
namespace {

/// Rows of a file without blanks.
std::vector<std::vector<std::string>> rows(const std::string &file) {
  std::istringstream in(fixture(file));
  std::vector<std::vector<std::string>> out;
  for (std::string line; std::getline(in, line);) {
    out.emplace_back();
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      std::erase(cell, '\r');
      if (!cell.empty())
        out.back().push_back(cell);
    }
  }
  return out;
}

TEST(Generators, GiveTheOrdersOfPyTorchAndMegatron) {
  size_t compared = 0;
  for (const Sample &sample : samples(".compute_only.csv")) {
    SCOPED_TRACE(sample.file);
    auto schedule = generate(sample.kind, sample.shape);
    ASSERT_TRUE(schedule) << schedule.error().str();
    auto expected = rows(sample.file);
    ASSERT_EQ(schedule->actions.size(), expected.size());
    for (size_t r = 0; r < expected.size(); ++r)
      EXPECT_EQ(cellTexts(schedule->actions[r]), expected[r]) << "rank " << r;
    ++compared;
  }
  EXPECT_EQ(compared, 19u);
}

TEST(Generators, ZeroBubbleH1IsInterleavedZeroBubbleOfOneChunk) {
  for (int32_t p : {1, 2, 4, 5})
    for (int32_t m : {4, 8, 20}) {
      if (m % std::max(1, m / p) != 0)
        continue;
      auto one = generate("zb-h1", {p, 1, m}), other = generate("interleaved-zb", {p, 1, m});
      ASSERT_TRUE(one && other);
      EXPECT_EQ(one->actions, other->actions) << p << " " << m;
    }
}

TEST(Generators, RunEveryMicrobatchOnceThroughEveryStage) {
  for (const std::string &kind : kinds())
    for (int32_t p : {1, 2, 3, 5})
      for (int32_t m : {1, 2, 10, 15}) {
        bool isV = kind == "zb-v" || kind == "dualpipe-v";
        int32_t v = isV ? 2 : kind == "interleaved" || kind == "looped-bfs" ? 3 : 1;
        auto schedule = generate(kind, {p, v, m});
        if (!schedule)
          continue; // The condition is another test's.
        SCOPED_TRACE(fmt::format("{} p={} v={} m={}", kind, p, v, m));
        std::map<std::pair<int32_t, int32_t>, std::string> seen;
        for (size_t r = 0; r < schedule->actions.size(); ++r)
          for (const Action &action : schedule->actions[r]) {
            EXPECT_EQ(schedule->rankOf[static_cast<size_t>(action.stage)], static_cast<int32_t>(r));
            if (isCompute(action.kind))
              seen[{action.stage, action.microbatch}] += "FBIW"[static_cast<size_t>(action.kind)];
          }
        EXPECT_EQ(seen.size(), static_cast<size_t>(p * v * m));
        for (const auto &[where, order] : seen)
          EXPECT_TRUE(order == "FB" || order == "FIW") << where.first << " " << order;
      }
}

TEST(Generators, TakeUnderscoresInNames) {
  for (const std::string &kind : kinds()) {
    std::string other = kind;
    std::replace(other.begin(), other.end(), '-', '_');
    Shape shape{2, usualChunks(other), 4};
    EXPECT_EQ(shape.chunks, usualChunks(kind));
    auto schedule = generate(other, shape);
    ASSERT_TRUE(schedule) << kind;
    EXPECT_EQ(schedule->kind, kind);
  }
}

TEST(Generators, RefuseShapesWithTheCondition) {
  auto refused = [](std::string_view kind, Shape shape, std::string_view reason) {
    auto schedule = generate(kind, shape);
    ASSERT_FALSE(schedule) << kind << " " << reason;
    EXPECT_NE(schedule.error().str().find(reason), std::string::npos) << schedule.error().str();
  };
  refused("1f1b", {4, 2, 8}, "1 chunk per rank, not 2");
  refused("zb-v", {4, 1, 8}, "2 chunks per rank, not 1");
  refused("dualpipe-v", {4, 2, 7}, "fewer than two per rank (8)");
  refused("interleaved", {4, 2, 9}, "do not divide into 2 rounds");
  refused("interleaved", {4, 2, 8, 3}, "a group has at least 4");
  refused("interleaved", {4, 2, 9, 6}, "6 leaves 3");
  refused("gpip", {4, 1, 8}, "Did you mean 'gpipe'?");
  refused("gpipe", {0, 1, 8}, "at least 1");
  Shape often{4, 1, 8};
  often.updateEvery = 2;
  refused("1f1b", often, "once, after all microbatches (8), not after every 2");
  Shape stashed{4, 1, 8};
  stashed.weights = WeightPolicy{.rule = WeightRule::Stash};
  refused("gpipe", stashed, "gpipe is synchronous");
  refused("looped-bfs", {1 << 20, 1 << 20, 1 << 20}, "too many actions");
  refused("gpipe", {1, 1, INT32_MAX}, "too many actions");
  refused("pipedream", {INT32_MAX, 1, INT32_MAX}, "too many actions");
  refused("gpipe", {4, 1, 8, 4}, "no groups");
  EXPECT_TRUE(hasGroups("interleaved_zb"));
  EXPECT_FALSE(hasGroups("zb-v"));
}

} // namespace
} // namespace recast::schedule
