#include "runtime/plan/MemberRuns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>

namespace recast::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

struct Coded {
  uint32_t period;
  std::vector<MemberRun> runs;
};

Coded encode(const std::vector<int64_t> &values) {
  Coded out;
  out.period = encodeRuns(values, out.runs);
  return out;
}

void expectRoundTrip(const std::vector<int64_t> &values) {
  Coded coded = encode(values);
  std::vector<int64_t> back(values.size(), -7);
  Status ok = decodeRuns(coded.runs, coded.period, kLeast, kMost, back);
  ASSERT_TRUE(ok.has_value()) << ok.error().str();
  EXPECT_EQ(back, values);
}

std::string decodeError(const std::vector<MemberRun> &runs, uint32_t period, size_t count,
                        int64_t least = kLeast, int64_t most = kMost) {
  std::vector<int64_t> values(count);
  Status ok = decodeRuns(runs, period, least, most, values);
  return ok ? std::string("no error") : ok.error().message();
}

TEST(MemberRuns, SayOneStepInOneRun) {
  EXPECT_THAT(encode({}).runs, ElementsAre());
  EXPECT_THAT(encode({5}).runs, ElementsAre(MemberRun{5, 0, 1}));
  EXPECT_THAT(encode({5, 5, 5, 5}).runs, ElementsAre(MemberRun{5, 0, 4}));
  EXPECT_THAT(encode({9, 6, 3, 0, -3}).runs, ElementsAre(MemberRun{9, -3, 5}));
  EXPECT_THAT(encode({0, 1, 2, 10, 11, 12}).runs,
              ElementsAre(MemberRun{0, 1, 3}, MemberRun{10, 1, 3}));
}

TEST(MemberRuns, FollowTheTensorsOfALayer) {
  // Names and starts of layers of three tensors of one shape, after an odd first one or not.
  std::vector<int64_t> starts;
  for (int64_t layer = 0; layer < 100; ++layer)
    for (int64_t at : {0, 4096, 40960})
      starts.push_back(layer * 100000 + at);
  Coded coded = encode(starts);
  EXPECT_EQ(coded.period, 3u);
  EXPECT_THAT(coded.runs, ElementsAre(MemberRun{0, 100000, 100}, MemberRun{4096, 100000, 100},
                                      MemberRun{40960, 100000, 100}));
  starts.insert(starts.begin(), 7);
  EXPECT_LE(encode(starts).runs.size(), 6u);
  expectRoundTrip(starts);
}

TEST(MemberRuns, AreCutWhereAStepIsTooWide) {
  constexpr int64_t kWide = int64_t{1} << 31;
  EXPECT_THAT(encode({0, kWide, 2 * kWide}).runs,
              ElementsAre(MemberRun{0, 0, 1}, MemberRun{kWide, 0, 1}, MemberRun{2 * kWide, 0, 1}));
  EXPECT_THAT(encode({0, kWide - 1, 2 * kWide - 2}).runs, ElementsAre(MemberRun{0, kWide - 1, 3}));
  EXPECT_THAT(encode({0, -kWide, -2 * kWide}).runs, ElementsAre(MemberRun{0, -kWide, 3}));
  expectRoundTrip({kLeast, kMost, kLeast, kMost, 0, kLeast, -1, kMost, kMost - 1, kMost - 2});
}

TEST(MemberRuns, RandomSequencesSurvive) {
  std::mt19937_64 random(3);
  auto below = [&](uint64_t limit) { return static_cast<int64_t>(random() % limit); };
  for (int round = 0; round < 3000; ++round) {
    std::vector<int64_t> values(static_cast<size_t>(below(700)));
    auto period = static_cast<size_t>(1 + below(20));
    int64_t step = below(2) ? below(5) - 2 : static_cast<int64_t>(random());
    for (size_t i = 0; i < values.size(); ++i) {
      bool odd = i < period || below(40) == 0;
      values[i] = odd ? static_cast<int64_t>(random() >> below(64))
                      : static_cast<int64_t>(static_cast<uint64_t>(values[i - period]) +
                                             static_cast<uint64_t>(step));
    }
    expectRoundTrip(values);
  }
}

TEST(MemberRuns, WildOnesAreRefused) {
  EXPECT_THAT(decodeError({{0, 1, 4}}, 1, 5), HasSubstr("end before"));
  EXPECT_THAT(decodeError({}, 1, 5), HasSubstr("end before"));
  EXPECT_THAT(decodeError({{0, 1, 6}}, 1, 5), HasSubstr("room for 5"));
  EXPECT_THAT(decodeError({{0, 1, 0xffffffff}}, 1, 5), HasSubstr("room for 5"));
  EXPECT_THAT(decodeError({{0, 1, 0}, {0, 1, 5}}, 1, 5), HasSubstr("room for 5"));
  EXPECT_THAT(decodeError({{0, 1, 5}, {0, 1, 1}}, 1, 5), HasSubstr("1 runs are left over"));
  EXPECT_THAT(decodeError({{0, 1, 1}}, 1, 0), HasSubstr("left over"));
  // No run reaches from one sequence into the next.
  EXPECT_THAT(decodeError({{0, 1, 5}}, 2, 5), HasSubstr("room for 3"));
  EXPECT_EQ(decodeError({{0, 1, 3}, {0, 1, 2}}, 2, 5), "no error");
  for (uint32_t period : {0u, kMaxRunPeriod + 1, 0xffffffffu})
    EXPECT_THAT(decodeError({{0, 1, 5}}, period, 5), HasSubstr("interleaved")) << period;
}

TEST(MemberRuns, StayInTheRangeOfTheirColumn) {
  EXPECT_EQ(decodeError({{0, 1, 5}}, 1, 5, 0, 4), "no error");
  EXPECT_THAT(decodeError({{0, 1, 5}}, 1, 5, 0, 3), HasSubstr("range"));
  EXPECT_THAT(decodeError({{3, -1, 5}}, 1, 5, 0, 9), HasSubstr("range"));
  EXPECT_THAT(decodeError({{-1, 1, 5}}, 1, 5, 0, 9), HasSubstr("range"));
  EXPECT_THAT(decodeError({{kMost, 1, 2}}, 1, 2), HasSubstr("range"));
  EXPECT_THAT(decodeError({{kLeast, -1, 2}}, 1, 2), HasSubstr("range"));
  EXPECT_EQ(decodeError({{kMost - 4, 1, 5}}, 1, 5), "no error");
}

} // namespace
} // namespace recast::plan
