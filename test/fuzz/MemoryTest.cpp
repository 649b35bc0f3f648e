// Large inputs that must not become large in memory.
#include "test/fuzz/Memory.h"
#include "runtime/capi/Instantiate.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/Staging.h"
#include "test/fuzz/Folder.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>

namespace recast::fuzz {
namespace {

constexpr size_t kLittle = size_t{2} << 20;

/// Verifies a folder with an empty file `a` and this manifest.
Status verifyWith(const std::string &manifest, exec::VerifyCounts &counts) {
  const std::string &folder = emptyFolder();
  writeFile(folder, "a", "");
  writeFile(folder, exec::StagedRoot::kManifestPath, manifest);
  resetPeak();
  return exec::verifyManifest(folder, &counts);
}

TEST(Memory, OfAManifestDoesNotGrowWithItsExtents) {
  constexpr uint64_t kExtents = 1'000'000;
  std::string text = R"({"recast_manifest": 1, "files": [{"path": "a", "size": 0, "extents": [)";
  for (uint64_t i = 0; i < kExtents; ++i)
    text += i ? R"(, [0, 0, "2d06800538d394c2"])" : R"([0, 0, "2d06800538d394c2"])";
  exec::VerifyCounts counts;
  Status status = verifyWith(text + R"(]}], "links": []})", counts);
  EXPECT_TRUE(status) << status.error().str();
  EXPECT_EQ(counts.extents, kExtents);
  EXPECT_LT(peakBytes(), kLittle);
}

TEST(Memory, OfAManifestDoesNotGrowWithNonsense) {
  std::string many(size_t{32} << 20, '1');
  for (const std::string &text :
       {"{\"recast_manifest\": 1, \"x\": \"" + many, "{\"recast_manifest\": " + many,
        "{\"recast_manifest\": 1, \"links\": [" + std::string(1 << 20, '['), [] {
          std::string out = "{\"recast_manifest\": 1, \"files\": [], \"links\": [[";
          for (int i = 0; i < 1'000'000; ++i)
            out += "\"a\", ";
          return out;
        }()}) {
    exec::VerifyCounts counts;
    Status status = verifyWith(text, counts);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), Code::BadInput);
    EXPECT_LT(peakBytes(), kLittle) << status.error().str();
  }
}

/// `members` tensors of one element per rank, in irregular places: each has as many runs as ranks.
plan::Plan scattered(uint32_t members, uint32_t ranks) {
  plan::Plan plan;
  plan.sources.push_back({.name = "a", .format = "deepspeed", .path = "/a", .tag = ""});
  plan.strings = {"weight"};
  plan.stores.push_back({0, ranks});
  uint64_t end = 0;
  for (uint64_t r = 0; r < ranks; ++r) {
    plan.extents.push_back({0, end + r * r % 7 * 4, members});
    end = plan.extents.back().offset + members * 4;
  }
  plan.files.push_back({0, "f", end, 0});
  plan.layouts = {layout::Layout(),
                  *layout::Layout::parse(fmt::format("on (dp = {}) flat dp per param", ranks))};
  plan::TargetEndpoint target;
  target.name = target.path = "out";
  target.format = "safetensors";
  plan.targets.push_back(target);
  plan::Family family;
  family.shape = {ranks};
  family.inputs = {{DType::F32, 1}};
  family.outputs = {{0, DType::F32, 0}};
  family.recipe = *recipe::Recipe::parse("load 0 f32; store %0 0");
  for (uint32_t m = 0; m < members; ++m) {
    family.memberNames.push_back(m + 1);
    family.memberInputs.push_back({0, m, 0, 0});
    family.memberOutputs.push_back({m + 1, 0, 0});
    plan.strings.push_back(fmt::format("t{}", m));
  }
  plan.families.push_back(std::move(family));
  return plan;
}

TEST(Memory, OfTasksEndsAtTheBudget) {
  plan::Plan plan = scattered(700, 1024);
  ASSERT_TRUE(plan::verify(plan)) << plan::verify(plan).error().str();
  plan.budget = uint64_t{70} << 20;
  resetPeak();
  auto instance = capi::instantiate(plan);
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().code(), Code::OverBudget) << instance.error().str();
  EXPECT_NE(instance.error().message().find("tasks alone"), std::string::npos)
      << instance.error().str();
  // The table of tasks is twice as large while it grows.
  EXPECT_LT(peakBytes(), 3 * plan.budget);
}

} // namespace
} // namespace recast::fuzz
