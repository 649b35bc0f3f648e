// What verify() refuses and how it says so; and layouts written out by hand.
#include "Worlds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recast::layout::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string problem(const Layout &layout, const Shapes &shapes) {
  Status status = verify(layout, shapes);
  return status ? "" : status.error().str();
}

std::string problem(const std::string &text, const Shapes &shapes) {
  return problem(layoutOf(text), shapes);
}

TEST(Verify, NamesTheStepAndTheNumbers) {
  EXPECT_EQ(problem("on (tp = 4) split d0 by tp", {{8, 2}}), "");
  std::string uneven = problem("on (tp = 4) split d0 by tp", {{6, 2}});
  EXPECT_THAT(uneven, HasSubstr("step 1 `split d0 by tp`"));
  EXPECT_THAT(uneven, HasSubstr("d0 has 6 elements, which do not divide into 4 equal shares"));
  EXPECT_THAT(uneven, HasSubstr("(balanced)"));
  EXPECT_EQ(problem("on (tp = 4) pad d0 to multiple of 8 split d0 by tp", {{6, 2}}), "");
  EXPECT_THAT(problem("on (tp = 4) split d2 by tp", {{6, 2}}), HasSubstr("there is no axis d2"));
  EXPECT_THAT(problem("on (tp = 4) split d0 by dp", {{6, 2}}), HasSubstr("Did you mean tp"));
  EXPECT_THAT(problem("split d0 by dp", {{6, 2}}), HasSubstr("There is no mesh axis at all"));
  EXPECT_THAT(problem("on (tp = 2) chunk 2 by tp", {{6, 2}}), HasSubstr("no dimension 2"));
  EXPECT_THAT(problem("on (tp = 2) split d0 by tp split d1 by tp", {{6, 2}}),
              HasSubstr("used twice on the same tensor"));
  EXPECT_THAT(problem("on (tp = 2) split d0 by tp flat tp per param", {{6, 2}}),
              HasSubstr("used twice on the same tensor"));
  EXPECT_THAT(problem("on (a = 2, b = 2) flat a per param chunk 0 by b", {{6, 2}}),
              HasSubstr("nothing may follow `flat`"));
  EXPECT_THAT(problem("on (a = 2) split d0 by a (widths 1 2 3)", {{6}}),
              HasSubstr("3 widths are given for 2 shares of axis d0"));
  EXPECT_THAT(problem("on (a = 2) split d0 by a (widths 1 2)", {{6}}),
              HasSubstr("add up to 3, but axis d0 has 6"));
  EXPECT_EQ(problem("on (a = 2) split d0 d1 by a (widths 1 2)", {{3, 3}}), "");
  EXPECT_THAT(problem("on (a = 4) split d0 d1 by a (widths 0 1 2 0)", {{6, 3}}),
              HasSubstr("4 widths are given for 2 shares of axis d1"));
  EXPECT_THAT(problem("on (a = 2) split d0 d0 by a", {{4}}), HasSubstr("listed twice"));
  EXPECT_THAT(problem("on (a = 2) split d0 by a, a", {{4}}), HasSubstr("listed twice"));
  EXPECT_THAT(problem("pad d0 to multiple of 0", {{4}}), HasSubstr("no multiple"));
  EXPECT_THAT(problem("pad d0 to multiple of 9223372036854775807", {{4}}), HasSubstr("multiple"));
  EXPECT_THAT(problem("pad d0 to multiple of 2305843009213693952 "
                      "pad d1 to multiple of 2305843009213693952",
                      {{4, 4}}),
              HasSubstr("too large"));
  EXPECT_THAT(
      problem("on (a = 2, b = 2) map \"(x y)\" {x = 2, y = 2} chunk 0 by a split x by b", {{4}}),
      HasSubstr("an earlier chunk has cut"));
  // An even cut after an uneven one is checked on every rank.
  EXPECT_THAT(problem("on (a = 3, b = 2) split d0 by a (balanced) split d0 by b", {{8}}),
              HasSubstr("3 elements, which do not divide into 2"));
}

TEST(Verify, MapsFitShapes) {
  EXPECT_THAT(problem("map \"a b\" {a = 2}", {{2, 3}}), HasSubstr("axis b has no size"));
  EXPECT_THAT(problem("map \"a b\" {a = 2, b = 3, c = 4}", {{2, 3}}), HasSubstr("no axis of the"));
  EXPECT_THAT(problem("map \"a b\" {a = 2, b = 3}", {{3, 2}}), HasSubstr("a = 2, b = 3"));
  EXPECT_EQ(problem("map \"a b\" {a = 2, b = 3}", {{6}}), "");
  EXPECT_EQ(problem("map \"(a b) c\" {a = 2, b = 3, c = 1}", {{2, 1, 3}}), "");
  EXPECT_EQ(problem("map \"a\" {a = 1}", {{}}), "");
  EXPECT_THAT(problem("map \"a b a\" {a = 2, b = 3}", {{2, 3, 2}}), HasSubstr("occurs twice"));
  EXPECT_THAT(problem("map \"(a + b) (c + d + e)\" {a = 1, b = 1, c = 1, d = 1, e = 1}", {{1}}),
              HasSubstr("packs 6 tensors, got 1"));
  Layout many;
  many.axes.sizes = {{"a", 1}};
  many.axes.stored.assign(11, {Factor{"", {{Factor{"a", {}}}, {Factor{"a", {}}}}}});
  EXPECT_THAT(verify(many, {{1}}).error().str(), HasSubstr("2048 parts is too large"));
  EXPECT_THAT(problem("map \"(f + f) h\" {f = 1, h = 1}", {{1, 1}}),
              HasSubstr("packs 2 tensors, got 1"));
  EXPECT_THAT(problem("map \"a b -> b a\" {a = 2, b = 3}", {{3, 2}}), HasSubstr("is 2 by the map"));
  EXPECT_THAT(problem("map \"a b -> b a\" {a = 2, b = 3}", {{6}}), HasSubstr("make up the shape"));
  EXPECT_THAT(problem("whole", {{1}, {1}}), HasSubstr("one part"));
  EXPECT_THAT(problem("whole", {{-1}}), HasSubstr("not valid"));
  EXPECT_THAT(problem("whole", {{INT64_MAX, 2}}), HasSubstr("not valid"));
  EXPECT_THAT(problem("whole", {{0, INT64_MAX, INT64_MAX}}), HasSubstr("not valid"));
}

TEST(Verify, RefusesStructuresThatNoTextGives) {
  Layout layout;
  layout.axes.stored = {{}};
  EXPECT_NE(problem(layout, {{}}), "");
  layout.axes.stored = {{Factor{"", {{Factor{"a", {}}}}}}};
  EXPECT_NE(problem(layout, {{1}}), "");
  layout.axes.stored = {{Factor{"a", {{Factor{"a", {}}}, {Factor{"a", {}}}}}}};
  EXPECT_NE(problem(layout, {{1}}), "");
  layout.axes.stored = {{Factor{"a b", {}}}};
  layout.axes.sizes = {{"a b", 1}};
  EXPECT_NE(problem(layout, {{1}}), "");
  layout.axes.stored = {};
  EXPECT_NE(problem(layout, {{1}}), "");
  Layout sides; // the two sides of '->' do not belong together
  sides.axes = mapOf("(a + b), a=1, b=1");
  for (const std::vector<AxisMap::Dims> &logical : {std::vector<AxisMap::Dims>{{{"a"}}},
                                                    {{{"b"}}, {{"a"}}},
                                                    {{{"a"}}, {{"b", "b"}}},
                                                    {{{"a"}}, {{"b"}}, {{"b"}}}}) {
    sides.axes.logical = logical;
    EXPECT_THAT(problem(sides, {{1}, {1}}), HasSubstr("'->'"));
  }
  Layout steps;
  steps.mesh = {{"x"}, {2}};
  steps.steps = {Split{{}, {"x"}, SplitRule::Even, {}}};
  EXPECT_NE(problem(steps, {{2}}), "");
  steps.steps = {Split{{"d0"}, {"x"}, SplitRule::Even, {1, 1}}};
  EXPECT_NE(problem(steps, {{2}}), "");
  steps.steps = {Split{{"d0"}, {"x"}, SplitRule::Widths, {-1, 3}}};
  EXPECT_NE(problem(steps, {{2}}), "");
}

TEST(Fragment, RefusesRanksAndPositionsOutside) {
  Layout layout = layoutOf("on (dp = 2) flat dp per group");
  EXPECT_FALSE(fragment(layout, {{4}}, -1, {0, 4}));
  EXPECT_FALSE(fragment(layout, {{4}}, 2, {0, 4}));
  EXPECT_TRUE(fragment(layout, {{4}}, 1, {0, 4}));
  for (FlatPosition bad : {FlatPosition{1, 4}, {0, 5}, {-1, 8}, {0, -2}, {INT64_MAX, INT64_MAX}}) {
    EXPECT_FALSE(fragment(layout, {{4}}, 0, bad));
    EXPECT_FALSE(fragments(layout, {{4}}, bad));
    EXPECT_FALSE(elementMap(layout, {{4}}, 0, bad));
  }
}

std::vector<int64_t> indices(const std::string &text, const Shapes &shapes, int64_t rank,
                             FlatPosition position = {}) {
  auto slots = elementMap(layoutOf(text), shapes, rank, position);
  EXPECT_TRUE(slots) << text;
  std::vector<int64_t> out;
  for (const Slot &slot : *slots)
    out.push_back(slot.part < 0 ? -1 : slot.part * 100 + slot.index);
  return out;
}

// The judge of all other tests, against what a reader works out on paper.
TEST(ElementMap, WrittenOutByHand) {
  EXPECT_THAT(indices("whole", {{2, 2}}, 0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(indices("on (tp = 2) split d1 by tp", {{2, 4}}, 1), ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(indices("on (tp = 4) split d0 by tp (ceil)", {{6}}, 2), ElementsAre(4, 5));
  EXPECT_THAT(indices("on (tp = 4) split d0 by tp (ceil)", {{6}}, 3), ElementsAre());
  EXPECT_THAT(indices("on (tp = 4) split d0 by tp (balanced)", {{6}}, 2), ElementsAre(4));
  EXPECT_THAT(indices("on (tp = 2) split d0 by tp (widths 1 5)", {{6}}, 1),
              ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(indices("on (tp = 2) pad d0 to multiple of 4 split d0 by tp", {{5}}, 1),
              ElementsAre(4, -1, -1, -1));
  EXPECT_THAT(indices("on (dp = 2) flat dp per param", {{3}}, 1), ElementsAre(2, -1));
  EXPECT_THAT(indices("on (dp = 4) flat dp per param", {{1}}, 2), ElementsAre(-1));
  EXPECT_THAT(indices("on (dp = 2) flat dp per group", {{3}}, 0, {2, 8}),
              ElementsAre(-1, -1, 0, 1));
  EXPECT_THAT(indices("on (dp = 2) flat dp per group", {{3}}, 1, {2, 8}),
              ElementsAre(2, -1, -1, -1));
  // FSDP2 over TP: the rank's rows are cut again.
  EXPECT_THAT(indices("on (dp = 2, tp = 2) split d0 by tp chunk 0 by dp", {{8}}, 2 * 1 + 0),
              ElementsAre(2, 3));
  // Fused qkv, g = 2 groups of r = 2 heads: q, k and v rows of one group on each rank.
  std::string qkv = "on (tp = 2) map \"((g r d) + (g d) + (g d))\" {d = 1, g = 2, r = 2} ";
  EXPECT_THAT(indices(qkv + "split g by tp", {{4}, {2}, {2}}, 1), ElementsAre(2, 3, 101, 201));
  // More ranks than groups: r is cut as well, k and v are replicated over it.
  std::string wide = "on (tp = 4) map \"((g r d) + (g d) + (g d))\" {d = 1, g = 2, r = 2} ";
  EXPECT_THAT(indices(wide + "split g r by tp", {{4}, {2}, {2}}, 3), ElementsAre(3, 101, 201));
  EXPECT_THAT(indices(wide + "split g r by tp", {{4}, {2}, {2}}, 2), ElementsAre(2, 101, 201));
  // Megatron's order: q, k, v of the first group, then of the second.
  EXPECT_THAT(indices("map \"(g ((r d) + d + d))\" {d = 1, g = 2, r = 2}", {{4}, {2}, {2}}, 0),
              ElementsAre(0, 1, 100, 200, 2, 3, 101, 201));
  // Rotary halves interleaved.
  EXPECT_THAT(indices("map \"(two j) -> (j two)\" {j = 3, two = 2}", {{6}}, 0),
              ElementsAre(0, 3, 1, 4, 2, 5));
  // Four blocks of a matrix.
  EXPECT_THAT(indices("map \"(a + b) (c + d)\" {a = 1, b = 2, c = 2, d = 1}",
                      {{1, 2}, {1, 1}, {2, 2}, {2, 1}}, 0),
              ElementsAre(0, 1, 100, 200, 201, 300, 202, 203, 301));
}

TEST(ElementMap, RefusesWhatIsTooLongToList) {
  EXPECT_FALSE(elementMap(layoutOf("whole"), {{1 << 12, 1 << 12}}, 0));
  EXPECT_FALSE(elementMap(layoutOf("whole"), {{int64_t{1} << 40}}, 0));
  EXPECT_FALSE(elementMap(layoutOf("pad d0 to multiple of 1000000000000"), {{3}}, 0));
  EXPECT_FALSE(elementMap(layoutOf("map \"(a b)\" {a = 4096, b = 4096}"), {{1 << 24}}, 0));
  EXPECT_FALSE(elementMap(layoutOf("whole"), {{3}}, 1));
}

// One mesh axis may cut two parts, each along an axis of its own.
TEST(Fragment, OneMeshAxisCutsPartsSeparately) {
  std::string text = "on (tp = 2) map \"(f + e) h\" {e = 4, f = 2, h = 3} split f by tp "
                     "split e by tp";
  EXPECT_THAT(indices(text, {{2, 3}, {4, 3}}, 1),
              ElementsAre(3, 4, 5, 106, 107, 108, 109, 110, 111));
  World world{layoutOf(text), {{2, 3}, {4, 3}}, {}};
  auto all = fragments(world.layout, world.shapes);
  ASSERT_TRUE(all);
  EXPECT_EQ(expand(*all, 2), slotsOf(world));
  EXPECT_NE(problem("on (a = 2, b = 2) map \"(f + e)\" {e = 4, f = 2} split f by a split e by a, b",
                    {{2}, {4}}),
            "");
}

} // namespace
} // namespace recast::layout::test
