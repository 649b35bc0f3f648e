// Large inputs that must not become large in memory.
#include "test/fuzz/Memory.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/Staging.h"
#include "test/fuzz/Folder.h"

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

} // namespace
} // namespace recast::fuzz
