#include "runtime/plan/FlatIntervals.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

namespace recast::plan {
namespace {

std::string text(const std::vector<Interval> &intervals) {
  std::string out;
  for (const Interval &i : intervals)
    out += fmt::format("[{}, {}) at {}:{} ", i.begin, i.end, i.place.rank, i.place.offset);
  return out;
}

layout::Layout parsed(const std::string &layout) {
  auto out = layout::Layout::parse(layout);
  EXPECT_TRUE(out) << (out ? "" : out.error().str());
  return *out;
}

/// The same by the layout's definition of its fragments.
std::string byFragments(const layout::Layout &layout, int64_t elements,
                        layout::FlatPosition position) {
  auto fragments = layout::fragmentsOfPart(layout, {{elements}}, 0, position);
  std::vector<Interval> intervals;
  if (!fragments || !asIntervals({*fragments, layout::Holders::First}, intervals))
    return "refused";
  return text(intervals);
}

TEST(FlatIntervals, AreThoseOfTheFragments) {
  std::mt19937 random(1);
  auto below = [&](int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random);
  };
  for (int round = 0; round < 2000; ++round) {
    int64_t pp = 1 + below(3), dp = 1 + below(9), tp = 1 + below(3), share = 1 + below(40);
    layout::Layout layout =
        parsed(fmt::format("on (pp = {}, dp = {}, tp = {}) flat dp per group", pp, dp, tp));
    auto flat = FlatIntervals::of(layout);
    ASSERT_TRUE(flat);
    // Now and then beyond the buffer, or a buffer that its ranks do not divide.
    layout::FlatPosition position{below(dp * share), dp * share + (below(8) == 0)};
    int64_t elements = 1 + below(dp * share);
    std::vector<Interval> intervals;
    std::string got = flat->at(position, elements, intervals) ? text(intervals) : "refused";
    EXPECT_EQ(got, byFragments(layout, elements, position))
        << layout.str() << ": " << elements << " from " << position.start << " of "
        << position.total;
  }
}

TEST(FlatIntervals, AreOfGroupBuffersAlone) {
  for (const char *other : {"whole", "on (dp = 2) flat dp per param", "on (dp = 2) chunk 0 by dp",
                            "on (dp = 2, tp = 2) split d0 by tp flat dp per group",
                            "on (dp = 2) map \"d1 d0\" {d0 = 2, d1 = 2} flat dp per group"})
    EXPECT_FALSE(FlatIntervals::of(parsed(other))) << other;
}

} // namespace
} // namespace recast::plan
