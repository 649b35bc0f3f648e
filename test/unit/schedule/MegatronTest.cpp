// Megatron-Core's tables: its own, there and back.
#include "compiler/Schedule/Megatron.h"
#include "compiler/Schedule/Csv.h"
#include "test/unit/schedule/Fixtures.h"

#include <gtest/gtest.h>

namespace recast::schedule {
namespace {

Result<Schedule> parse(const std::string &text) {
  auto tree = readJson(text);
  EXPECT_TRUE(tree) << text;
  return fromMegatronJson(JsonValue(*tree));
}

TEST(MegatronTables, AreThoseOfMegatron) {
  size_t compared = 0;
  for (const Sample &sample : samples(".json")) {
    if (!sample.stem.starts_with("megatron_"))
      continue;
    SCOPED_TRACE(sample.file);
    auto read = parse(fixture(sample.file));
    ASSERT_TRUE(read) << read.error().str();
    auto lists = fromCsv(fixture(sample.stem + ".compute_only.csv"));
    ASSERT_TRUE(lists);
    EXPECT_EQ(read->actions, lists->actions);
    // Written from lists that do not say the group.
    auto written = toMegatronJson(*lists);
    ASSERT_TRUE(written) << written.error().str();
    auto ours = readJson(*written), theirs = readJson(fixture(sample.file));
    for (const char *key :
         {"ranks", "chunks", "microbatches", "group", "schedule_table", "rank_counts"})
      EXPECT_EQ((*ours)[key], (*theirs)[key]) << key;
    ++compared;
  }
  EXPECT_EQ(compared, 4u);
}

TEST(MegatronTables, RoundTrip) {
  size_t done = 0;
  for (int32_t p : {1, 2, 4})
    for (int32_t v : {1, 2, 3})
      for (int32_t m : {4, 8, 9})
        for (int32_t group : {0, 4, 5}) {
          auto schedule =
              v == 1 ? generate("1f1b", {p, v, m}) : generate("interleaved", {p, v, m, group});
          if (!schedule)
            continue; // The condition is another test's.
          auto written = toMegatronJson(*schedule);
          ASSERT_TRUE(written) << written.error().str();
          auto read = parse(*written);
          ASSERT_TRUE(read) << read.error().str();
          EXPECT_EQ(*read, *schedule);
          ++done;
        }
  EXPECT_GT(done, 50u);
}

TEST(MegatronTables, RefuseOtherSchedules) {
  for (auto [kind, shape] : {std::pair{"gpipe", Shape{4, 1, 8}}, std::pair{"zb-v", Shape{4, 2, 8}},
                             std::pair{"looped-bfs", Shape{4, 2, 8}}}) {
    auto written = toMegatronJson(*generate(kind, shape));
    ASSERT_FALSE(written) << kind;
    EXPECT_EQ(written.error().message(),
              "Megatron-Core chooses its lists itself, by numbers: these are not the lists of any");
  }
}

TEST(MegatronTables, RefuseDamagedOnes) {
  auto refused = [](std::string_view from, std::string_view to, std::string_view reason) {
    std::string text = fixture("megatron_p4_v2_m8_g4.json");
    size_t at = text.find(from);
    ASSERT_NE(at, text.npos) << from;
    auto read = parse(text.replace(at, from.size(), to));
    ASSERT_FALSE(read) << to;
    EXPECT_EQ(read.error().message().substr(0, reason.size()), reason);
  };
  refused("[2,0]", "[3,0]", "schedule_table[2]: [3, 0] where Megatron has [2, 0]");
  refused("[2,0],", "", "schedule_table: 15 entries for 2 chunks of 8 microbatches");
  refused("\"group\":4", "\"group\":5", "rank_counts[0]: Megatron has [16, false, 11, 5]");
  refused("\"group\":4", "\"group\":0", "group: 0 is not between 1 and");
  refused("[16,false,10,6]", "[16,true,10,6]", "rank_counts[0]: Megatron has [16, false, 10, 6]");
  refused("[16,false,10,6]", "[16,false,10]", "rank_counts[0]: passes, all in warm-up");
  refused("\"ranks\":4", "\"ranks\":2147483647", "schedule_table: more than 33554432 passes");
  refused("\"group\":4,", "\"group\":4,\"arguments\":[\"--pipeline-model-parallel-size\",\"8\"],",
          "arguments: not those of the numbers, --pipeline-model-parallel-size 4 "
          "--num-virtual-stages-per-pipeline-rank 2 "
          "--microbatch-group-size-per-virtual-pipeline-stage 4");
  refused("\"group\":4,", "\"group\":4,\"arguments\":[4],", "arguments[0]: ");
}

} // namespace
} // namespace recast::schedule
