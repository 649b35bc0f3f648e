#include "runtime/format/TargetWriter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace recast;
using namespace recast::format;
using ::testing::HasSubstr;

TEST(Targets, TraitsByName) {
  for (const std::string &name : targetFormats()) {
    ASSERT_NE(targetTraits(name), nullptr);
    EXPECT_EQ(targetTraits(name)->format, name);
  }
  EXPECT_THAT(targetFormats(),
              ::testing::ElementsAre("deepspeed_universal", "safetensors", "torch", "memory"));
  EXPECT_EQ(targetTraits("gguf"), nullptr);
  EXPECT_TRUE(targetTraits("deepspeed_universal")->holdsObjects);
  EXPECT_TRUE(holdsObject(*targetTraits("safetensors"), "metadata"));
  EXPECT_FALSE(holdsObject(*targetTraits("safetensors"), "optimizer"));
}

TEST(Targets, MisspeltNamesGetASuggestion) {
  auto writer = createWriter("safetensor", {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code(), Code::Usage);
  EXPECT_THAT(writer.error().hintText(), HasSubstr("safetensors"));
  WriteRequest request;
  request.options["max_shard_sise"] = "5GB";
  auto option = createWriter("safetensors", std::move(request));
  ASSERT_FALSE(option);
  EXPECT_THAT(option.error().hintText(), HasSubstr("max_shard_size"));
}
