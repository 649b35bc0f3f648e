// Work grows with what is there, not with the mesh: shown by counting.
#include "Worlds.h"

#include <gtest/gtest.h>

namespace recast::layout::test {
namespace {

std::vector<int64_t> ranksOf(const std::string &text, const Shapes &shapes,
                             FlatPosition position = {}) {
  auto all = fragments(layoutOf(text), shapes, position);
  EXPECT_TRUE(all) << text << (all ? "" : all.error().str());
  std::vector<int64_t> ranks;
  for (const Fragment &one : all ? *all : std::vector<Fragment>{})
    ranks.push_back(one.rank);
  return ranks;
}

TEST(Scale, FlatPerGroupTouchesOnlyItsRanks) {
  // 4096 ranks of 1000 elements; a member of 2500 from 1,999,900 on.
  EXPECT_EQ(ranksOf("on (dp = 4096) flat dp per group", {{50, 50}}, {1999900, 4096000}),
            (std::vector<int64_t>{1999, 2000, 2001, 2002}));
  EXPECT_EQ(ranksOf("on (dp = 4096, tp = 2) split d1 by tp flat dp per group", {{50, 50}},
                    {1999900, 4096000}),
            (std::vector<int64_t>{3998, 3999, 4000, 4001, 4002, 4003}));
}

TEST(Scale, TinyTensorsOnLargeMeshes) {
  EXPECT_EQ(ranksOf("on (dp = 4096) flat dp per param", {{3}}), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(ranksOf("on (dp = 1048576) split d0 by dp (ceil)", {{2}}),
            (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(ranksOf("on (dp = 1048576) chunk 0 by dp", {{2}}), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(ranksOf("on (dp = 1024, tp = 1024) split d0 by dp (ceil) split d1 by tp (balanced)",
                    {{2, 2}}),
            (std::vector<int64_t>{0, 1, 1024, 1025}));
  // Padding is skipped, however much of it there is.
  EXPECT_EQ(ranksOf("on (dp = 1048576) map \"(a + b)\" {a = 1, b = 1} "
                    "pad a to multiple of 1000000000000 chunk 0 by dp",
                    {{1}, {1}})
                .size(),
            2u);
  EXPECT_EQ(
      ranksOf("on (dp = 1048576) pad d0 to multiple of 1000000000000 split d0 by dp (ceil)", {{3}}),
      (std::vector<int64_t>{0}));
}

TEST(Scale, RefusesMoreThanAnyTensorNeeds) {
  EXPECT_FALSE(fragments(layoutOf("on (dp = 1048577)"), {{1}}));
  std::string summands = "a", sizes = "a = 1";
  Shapes shapes = {{1}};
  for (int i = 1; i < 64; ++i) {
    summands += " + a";
    shapes.push_back({1});
  }
  EXPECT_FALSE(
      fragments(layoutOf("on (dp = 1048576) map \"(" + summands + ")\" {" + sizes + "}"), shapes));
}

TEST(Scale, ContiguousDataIsOneDimension) {
  auto one = fragment(layoutOf("on (dp = 8) flat dp per param"), {{32, 16, 8}}, 3);
  ASSERT_TRUE(one);
  ASSERT_EQ(one->pieces.size(), 1u);
  EXPECT_EQ(one->pieces[0], (Piece{0, 1536, 0, {{512, 1, 1}}}));
  // An interval of a column shard: part of a row, whole rows, part of a row.
  auto cut =
      fragment(layoutOf("on (dp = 3, tp = 2) split d1 by tp flat dp per param"), {{6, 10}}, 3);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->pieces, (std::vector<Piece>{{0, 25, 0, {{2, 10, 5}, {5, 1, 1}}}}));
  auto torn =
      fragment(layoutOf("on (dp = 4, tp = 2) split d1 by tp flat dp per param"), {{6, 10}}, 2);
  ASSERT_TRUE(torn);
  EXPECT_EQ(torn->pieces,
            (std::vector<Piece>{{0, 13, 0, {{2, 1, 1}}}, {0, 20, 2, {{5, 1, 1}}}, {0, 30, 7, {}}}));
}

} // namespace
} // namespace recast::layout::test
