// How work is cut into units: by bytes, and by the files that small tasks write to.
#include "Sandbox.h"

#include "runtime/exec/Schedule.h"

#include <gtest/gtest.h>
#include <set>

namespace recast::exec {
namespace {
using namespace test;

constexpr uint64_t kCount = 1000, kSize = 64;

/// Small tensors of one source, each to a file of its own in a folder of its own, or all to one.
struct Small : Sandbox {
  std::string bytes = noise(kCount * kSize, 1);

  explicit Small(bool apart) {
    uint32_t from = source("in", bytes), to = root(), one = 0;
    if (!apart)
      one = target(to, "all", kCount * kSize);
    for (uint64_t i = 0; i < kCount; ++i) {
      uint32_t file =
          apart ? target(to, "of/" + std::to_string(i % 300) + "/" + std::to_string(i), kSize)
                : one;
      copy(from, i * kSize, kSize, file, apart ? 0 : i * kSize);
    }
  }
};

TEST(Units, WriteToFewFiles) {
  Small small(true);
  auto schedule = makeSchedule(small.program);
  ASSERT_TRUE(schedule) << schedule.error().str();
  uint32_t next = 0;
  for (const Unit &unit : schedule->units) {
    EXPECT_EQ(unit.begin, next);
    next = unit.end;
    std::set<uint32_t> files;
    for (uint32_t i = unit.begin; i < unit.end; ++i)
      for (const TaskOutput &output : small.program.tasks[schedule->order[i]].outputs)
        files.insert(output.file);
    EXPECT_LE(files.size(), kUnitFiles);
  }
  EXPECT_EQ(next, kCount);
  EXPECT_EQ(schedule->units.size(), (kCount + kUnitFiles - 1) / kUnitFiles);
}

TEST(Units, OfOneFileAreCutByBytesAlone) {
  Small small(false);
  auto schedule = makeSchedule(small.program);
  ASSERT_TRUE(schedule) << schedule.error().str();
  EXPECT_EQ(schedule->units.size(), 1u);
}

TEST(Units, ManySmallFilesInManyFolders) {
  Small small(true);
  auto report = execute(small.program, {});
  ASSERT_TRUE(report) << report.error().str();
  for (uint64_t i = 0; i < kCount; ++i)
    ASSERT_EQ(readAll(small.out("of/" + std::to_string(i % 300) + "/" + std::to_string(i))),
              small.bytes.substr(i * kSize, kSize));
}

} // namespace
} // namespace recast::exec
