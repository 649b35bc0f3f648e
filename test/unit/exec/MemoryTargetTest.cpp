// Targets in memory: the same bytes as on disk, and nothing on disk.
#include "Sandbox.h"

#include "runtime/exec/Stop.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recast::exec {
namespace {
using namespace test;
using testing::HasSubstr;

/// A copy, a cast of several units, and a transposed matrix, in one image, with a literal.
struct Mixture : Sandbox {
  std::vector<std::string> memory;

  explicit Mixture(bool inMemory) {
    constexpr int64_t kLarge = 3'000'000, kRows = 700, kColumns = 1300;
    uint32_t to = root();
    uint32_t cast = slice("load 0 f32; cast %0 bf16; store %1 0");
    uint32_t large = source("large", floats(kLarge, 1));
    uint32_t matrix = source("matrix", floats(kRows * kColumns, 2));
    uint64_t turned = 64 + kLarge * 2, end = turned + kRows * kColumns * 2;
    uint32_t file = target(to, "image", end);
    literal(file, 0, std::string(64, 'l'));
    task(kLarge, {{large, 0, DType::F32}}).outputs = {
        {cast, file, 64, {0}, tensor(file, 64, kLarge * 2)}};
    Task &box = task(kRows * kColumns, {{matrix, 0, DType::F32}});
    box.outputs = {{cast, file, turned, {0}, tensor(file, turned, kRows * kColumns * 2)}};
    box.dims = {{kRows, kColumns, {kColumns, 1}}, {kColumns, 1, {1, kRows}}};
    if (!inMemory)
      return;
    program.roots[to].inMemory = true;
    memory.emplace_back(end, '?');
    program.targets[file].memory = reinterpret_cast<std::byte *>(memory[0].data());
  }
};

TEST(MemoryTarget, HoldsWhatAFileWould) {
  Mixture files(false);
  ASSERT_TRUE(execute(files.program, {.sync = false}));
  std::string expected = readAll(files.out("image"));
  for (unsigned threads : {1u, 3u}) {
    Mixture box(true);
    std::vector<ReadyTensor> ready;
    Options options{.threads = threads};
    options.ready = [&](const ReadyTensor &tensor) {
      // It is there when it is reported.
      const TargetTensor &place = box.program.tensors[tensor.tensor];
      EXPECT_TRUE(box.memory[0].substr(place.offset, place.bytes) ==
                  expected.substr(place.offset, place.bytes));
      ready.push_back(tensor);
    };
    auto report = execute(box.program, options);
    ASSERT_TRUE(report) << report.error().str();
    EXPECT_TRUE(box.memory[0] == expected);
    EXPECT_EQ(report->bytesWritten, expected.size());
    EXPECT_EQ(report->filesWritten, 0u);
    EXPECT_FALSE(exists(box.path("out")));
    ASSERT_EQ(ready.size(), 2u);
    for (const ReadyTensor &tensor : ready) {
      const TargetTensor &place = box.program.tensors[tensor.tensor];
      codec::Digest digest;
      digest.add(0, expected.data() + place.offset, place.bytes);
      EXPECT_EQ(tensor.digest, digest);
    }
  }
}

TEST(MemoryTarget, UnderEveryBudgetThatIsEnough) {
  Mixture files(false);
  ASSERT_TRUE(execute(files.program, {.sync = false}));
  for (uint64_t budget : {uint64_t{1} << 20, uint64_t{16} << 20}) {
    Mixture box(true);
    box.program.budget = budget; // The image is larger than the first: it does not count.
    auto report = execute(box.program, {.threads = 2});
    ASSERT_TRUE(report) << report.error().str();
    EXPECT_TRUE(box.memory[0] == readAll(files.out("image")));
  }
}

TEST(MemoryTarget, AnInterruptionLeavesNothing) {
  Mixture box(true);
  Options options{.threads = 1};
  options.ready = [](const ReadyTensor &) { requestStop(); };
  auto report = execute(box.program, options);
  clearStop();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::Interrupted);
  EXPECT_FALSE(exists(box.path("out")));
  ASSERT_TRUE(execute(box.program, {.threads = 1}));
}

TEST(MemoryTarget, DamageIsAnError) {
  Mixture box(true);
  std::filesystem::resize_file(box.path("large"), 100);
  auto report = execute(box.program, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fileName(), box.path("large"));
}

TEST(MemoryTarget, NeedsMemoryAndNoFilesBeside) {
  Mixture box(true);
  box.program.targets[0].memory = nullptr;
  auto report = execute(box.program, {});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("no memory for"));
  Mixture both(true);
  both.root("other");
  report = execute(both.program, {});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("some targets are in memory"));
}

} // namespace
} // namespace recast::exec
