#include "runtime/format/read/ShardIndex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace recast;
using namespace recast::format;
using ::testing::HasSubstr;

namespace {
std::string refusal(std::string_view json) {
  auto index = parseShardIndex(json);
  return index ? "accepted" : index.error().message();
}
} // namespace

TEST(ShardIndex, ReadsWhatIsRight) {
  auto index = parseShardIndex(R"({"metadata": {"total_size": 12, "total_parameters": 3,
      "other": [1, {"weight_map": {"x": 5}}]}, "weight_map": {"b": "f2", "a": "sub/f1"}, "x": null})");
  ASSERT_TRUE(index) << index.error().str();
  EXPECT_EQ(index->totalSize, 12u);
  ASSERT_EQ(index->weightMap.size(), 2u);
  EXPECT_EQ(index->weightMap[0], (std::pair<std::string, std::string>("b", "f2")));
  EXPECT_EQ(index->weightMap[1].second, "sub/f1");
  EXPECT_FALSE(parseShardIndex(R"({"weight_map": {}})")->totalSize);
  EXPECT_EQ(refusal(R"({"metadata": {"total_size": 1.5}, "weight_map": {}})"), "accepted")
      << "only advice";
}

TEST(ShardIndex, RefusesWhatIsWrong) {
  for (const char *file : {"/etc/passwd", "../x", "a/../../x", "", ".", "a//b", "a\\u0000b"})
    EXPECT_THAT(refusal(std::string(R"({"weight_map": {"a": ")") + file + "\"}}"),
                HasSubstr("does not stay inside"))
        << file;
  EXPECT_THAT(refusal(R"({"weight_map": {"a": "f", "a": "g"}})"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"weight_map": {"a": "f"}, "weight_map": {"b": "g"}})"),
              HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"metadata": {}})"), HasSubstr("no weight_map"));
  for (const char *bad :
       {"", "[]", "5", "null", "{", R"({"weight_map": []})", R"({"weight_map": null})",
        R"({"weight_map": "f"})", R"({"weight_map": {"a": 5}})",
        R"({"weight_map": {"a": {"b": "c"}}})", R"({"weight_map": {"a": ["f"]}})",
        R"({"weight_map": {"a": null}})", "{\"weight_map\": {\"\xff\": \"f\"}}"})
    EXPECT_NE(refusal(bad), "accepted") << bad;
  EXPECT_THAT(refusal("{\"x\":" + std::string(100'000, '[')), HasSubstr("deep"));
}

TEST(ShardIndex, FindsTheMissingShard) {
  EXPECT_EQ(missingShard({"model.safetensors"}), std::nullopt);
  EXPECT_EQ(missingShard({"m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"}),
            std::nullopt);
  EXPECT_EQ(missingShard({"m-00001-of-00003.safetensors", "m-00003-of-00003.safetensors"}),
            "m-00002-of-00003.safetensors");
  EXPECT_EQ(missingShard({"m-00001-of-00002.safetensors"}), "m-00002-of-00002.safetensors");
  EXPECT_EQ(missingShard({"m-00001-of-00001.safetensors", "n-00002-of-00002.safetensors"}),
            "n-00001-of-00002.safetensors");
  EXPECT_EQ(missingShard({"-of-.safetensors", "x-of-3.safetensors", "a-1-of-b.safetensors"}),
            std::nullopt);
  EXPECT_EQ(missingShard({"m-1-of-18446744073709551615.x"}), "m-2-of-18446744073709551615.x");
}
