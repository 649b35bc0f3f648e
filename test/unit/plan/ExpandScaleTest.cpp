// How long expansion takes: many ranks, many tensors.
#include "PlanSamples.h"

#include "runtime/base/Checked.h"
#include "runtime/plan/Expand.h"

#include <ctime>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace recast::plan::test {
namespace {

/// Expands all of `plan`, whose runs are known, and prints how long it took.
void expectFast(const Plan &plan, size_t runs, double limit) {
  // Processor time: the machine may be busy with other things.
  std::clock_t t0 = std::clock();
  Status sound = verify(plan);
  std::clock_t t1 = std::clock();
  size_t seen = 0;
  Status status = expandPlan(plan, [&](const plan::Run &) -> Status {
    ++seen;
    return {};
  });
  std::clock_t t2 = std::clock();
  ASSERT_TRUE(sound.has_value()) << sound.error().str();
  ASSERT_TRUE(status.has_value()) << status.error().str();
  EXPECT_EQ(seen, runs);
  auto seconds = [](std::clock_t ticks) { return static_cast<double>(ticks) / CLOCKS_PER_SEC; };
  fmt::print("verify {:.3f} s, expand {:.3f} s\n", seconds(t1 - t0), seconds(t2 - t1));
  EXPECT_LT(seconds(t2 - t1), limit);
}

/// `members` tensors of `elements`, one after the other in a group buffer.
Plan groupedPlan(int64_t ranks, int64_t members, int64_t elements) {
  Plan plan = planOf({elements}, {fmt::format("on (dp = {}) flat dp per group", ranks)});
  Family &family = plan.families[0];
  int64_t total = ceilDiv(members * elements, ranks) * ranks;
  uint32_t store = addStore(plan, ranks, total / ranks, 4);
  for (int64_t m = 0; m < members; ++m) {
    plan.strings.push_back(fmt::format("t{}", m));
    auto name = static_cast<uint32_t>(plan.strings.size() - 1);
    family.memberNames.push_back(name);
    family.memberInputs.push_back({store, m * elements, total});
    family.memberOutputs.push_back({name, 0});
  }
  return plan;
}

// A million runs must take under a second; the limits here are wider, because tests also run under
// sanitizers.
TEST(Expand, MillionRunsOfFewTensors) {
  // 1000 tensors of 16000 elements over 8000 ranks of 2000 elements: 8 runs each ...
  expectFast(groupedPlan(8000, 1000, 16000), 8000, 5);
  // ... and over a million ranks' worth of cuts in one tensor after the other.
  Plan plan = groupedPlan(1000, 1, 16000);
  Family &family = plan.families[0];
  for (int64_t m = 1; m < 1000; ++m) {
    plan.strings.push_back(fmt::format("u{}", m));
    family.memberNames.push_back(0);
    family.memberInputs.push_back(family.memberInputs[0]);
    family.memberOutputs.push_back({static_cast<uint32_t>(plan.strings.size() - 1), 0});
  }
  expectFast(plan, 1000000, 5);
}

TEST(Expand, ManySmallTensors) {
  // Every tensor lies inside one rank's share.
  expectFast(groupedPlan(16, 160000, 64), 160000, 5);
}

} // namespace
} // namespace recast::plan::test
