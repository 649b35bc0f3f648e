// Long runs are cut where what is written comes to a boundary.
#include "Sandbox.h"

#include "runtime/exec/Schedule.h"
#include "runtime/exec/WriteCuts.h"

#include <gtest/gtest.h>

namespace recast::exec {
namespace {
using namespace test;

/// A program with one slice, a copy of elements of `type`.
Program copying(DType type) {
  Program program;
  program.slices.push_back(recipe::copyRecipe(type));
  return program;
}

Task writing(uint64_t offset) {
  Task task;
  TaskOutput &output = task.outputs.emplace_back();
  output.slice = 0;
  output.offset = offset;
  return task;
}

TEST(WriteCuts, EndAtMultiplesOfWhatTheyFill) {
  for (uint64_t offset : {0u, 1u, 576u, 4096u, 262143u, 262144u, 999999u})
    for (DType type : {DType::U8, DType::U16, DType::U32, DType::U64})
      for (int64_t count : {1, 5, 1000, 4096, 65536, 1 << 20}) {
        const unsigned width = byteWidth(type);
        const int64_t first = 77, cut = cutForWrites(copying(type), writing(offset), first, count);
        ASSERT_GE(cut, 1);
        ASSERT_LE(cut, count);
        uint64_t unit = std::min(std::bit_floor(uint64_t(count) * width), kFolioBytes);
        if (offset % width || unit < width)
          continue; // No element ends there.
        uint64_t end = offset + uint64_t(first + cut) * width;
        if (end % unit != 0)
          ASSERT_EQ(cut, 1) << offset << " " << width << " " << count;
        ASSERT_LT(uint64_t(count - cut) * width, unit);
      }
}

TEST(WriteCuts, LeaveTasksWithoutOutputsAlone) {
  EXPECT_EQ(cutForWrites(Program(), Task(), 5, 100'000), 100'000);
}

TEST(WriteCuts, UnitsOfALongTaskCoverItOnce) {
  Sandbox box;
  constexpr uint64_t kBytes = (uint64_t{11} << 20) + 321, kHeader = 576;
  uint32_t from = box.source("in", noise(kBytes + 100, 1));
  uint32_t to = box.target(box.root(), "file", kHeader + kBytes);
  box.literal(to, 0, std::string(kHeader, 'h'));
  box.copy(from, 100, kBytes, to, kHeader);
  auto schedule = makeSchedule(box.program);
  ASSERT_TRUE(schedule) << schedule.error().str();
  ASSERT_EQ(schedule->units.size(), 3u);
  int64_t next = 0;
  for (const Unit &unit : schedule->units) {
    EXPECT_EQ(unit.first, next);
    EXPECT_LE(unit.count, int64_t{kUnitBytes});
    next += unit.count;
    if (next < int64_t{kBytes})
      EXPECT_EQ((kHeader + uint64_t(next)) % kFolioBytes, 0u);
  }
  EXPECT_EQ(next, int64_t{kBytes});
  auto report = execute(box.program, {});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_EQ(readAll(box.out("file")),
            std::string(kHeader, 'h') + noise(kBytes + 100, 1).substr(100));
}

} // namespace
} // namespace recast::exec
