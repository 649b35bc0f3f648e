// Digests of tensors in the manifest: those of the bytes in the files, whoever wrote them in which
// order.
#include "Sandbox.h"

#include "runtime/exec/ManifestTensors.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recast::exec {
namespace {
using namespace test;

/// One tensor cast in several units, one transposed in many segments, and small ones at places of
/// every alignment; some bytes belong to none.
struct Mixture : Sandbox {
  Mixture() {
    constexpr int64_t kLarge = 3'000'000, kRows = 900, kColumns = 1100;
    uint32_t to = root();
    uint32_t cast = slice("load 0 f32; cast %0 bf16; store %1 0");
    uint32_t in = source("in", floats(kLarge, 1)), file = target(to, "large", kLarge * 2 + 3);
    literal(file, 0, "abc");
    task(kLarge, {{in, 0, DType::F32}}).outputs = {
        {cast, file, 3, {0}, tensor(file, 3, kLarge * 2)}};

    uint32_t matrix = source("matrix", floats(kRows * kColumns, 2));
    uint32_t turned = target(to, "turned", kRows * kColumns * 2);
    Task &box = task(kRows * kColumns, {{matrix, 0, DType::F32}});
    box.outputs = {{cast, turned, 0, {0}, tensor(turned, 0, kRows * kColumns * 2)}};
    box.dims = {{kRows, kColumns, {kColumns, 1}}, {kColumns, 1, {1, kRows}}};

    std::string bytes = noise(4000, 3);
    uint32_t small = source("small", bytes), many = target(to, "many", bytes.size());
    uint32_t copy = slice("load 0 u8; store %0 0");
    for (uint64_t at = 0, n = 0; at < bytes.size(); at += n) {
      n = std::min<uint64_t>(1 + at % 97, bytes.size() - at);
      task(static_cast<int64_t>(n), {{small, at, DType::U8}}).outputs = {
          {copy, many, at, {0}, at % 3 ? tensor(many, at, n) : TaskOutput::kNoTensor}};
    }
    tensor(many, 17, 0); // Without elements.
  }
};

TEST(Digest, OfEachTensorWhateverTheThreads) {
  std::string manifest;
  for (unsigned threads : {1u, 2u, 3u}) {
    Mixture box;
    auto report = execute(box.program, {.threads = threads, .sync = false});
    ASSERT_TRUE(report) << report.error().str();
    auto tensors = readManifestTensors(box.path("out/tag"));
    ASSERT_TRUE(tensors) << tensors.error().str();
    ASSERT_EQ(tensors->size(), box.program.tensors.size());
    for (size_t t = 0; t < tensors->size(); ++t) {
      const ManifestTensor &tensor = (*tensors)[t];
      const TargetTensor &expected = box.program.tensors[t];
      EXPECT_EQ("tag/" + tensor.file, box.program.targets[expected.file].path);
      EXPECT_EQ(tensor.offset, expected.offset);
      codec::Digest digest;
      std::string file = readAll(box.out(tensor.file));
      digest.add(0, file.data() + expected.offset, expected.bytes);
      EXPECT_EQ(tensor.digest, digest) << t;
    }
    std::string text = readAll(box.out(".recast/manifest.json"));
    EXPECT_TRUE(manifest.empty() || manifest == text);
    manifest = text;
  }
}

TEST(Digest, NoneWhereNoneAreWanted) {
  Mixture box;
  ASSERT_TRUE(execute(box.program, {.sync = false, .digests = false}));
  auto tensors = readManifestTensors(box.path("out/tag"));
  ASSERT_TRUE(tensors);
  EXPECT_TRUE(tensors->empty());
}

TEST(Digest, OfATensorThatNobodyWritesIsAnError) {
  Mixture box;
  for (Task &task : box.program.tasks)
    for (TaskOutput &output : task.outputs)
      if (output.tensor == 0)
        output.tensor = TaskOutput::kNoTensor;
  auto report = execute(box.program, {.sync = false});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::Internal);
  EXPECT_FALSE(exists(box.out("large")));
}

TEST(Digest, OutsideOfItsTensorIsRefused) {
  Mixture box;
  box.program.tensors[0].bytes -= 2;
  auto report = execute(box.program, {.sync = false});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().str(), testing::HasSubstr("outside its tensor"));
}

TEST(Digest, ManifestsThatMakeNoSense) {
  Mixture box;
  ASSERT_TRUE(execute(box.program, {.sync = false}));
  std::string path = box.out(".recast/manifest.json"), text = readAll(path);
  for (auto [from, to] : {std::pair{"\"dtype\": \"u8\"", "\"dtype\": \"u9\""},
                          {"\"dtype\": \"u8\"", "\"dtype\": 8"},
                          {"\"shape\": [", "\"shape\": [-1, "},
                          {"\"shape\": [", "\"shape\": [18446744073709551615, "},
                          {"\"file\": \"", "\"file\": \"../"},
                          {"\"digest\": \"keyed-sum-1\",\n\"tensors\": [",
                           "\"digest\": \"keyed-sum-1\",\n\"tensors\": [3, "}}) {
    std::string other = text;
    size_t at = other.rfind(from);
    ASSERT_NE(at, other.npos) << from;
    other.replace(at, strlen(from), to);
    writeAll(path, other);
    auto tensors = readManifestTensors(box.path("out/tag"));
    ASSERT_FALSE(tensors) << to;
    EXPECT_EQ(tensors.error().code(), Code::BadInput);
  }
  size_t at = text.find("keyed-sum-1");
  writeAll(path, text.replace(at, 11, "another-sum"));
  EXPECT_TRUE(readManifestTensors(box.path("out/tag")).value().empty());
}

} // namespace
} // namespace recast::exec
