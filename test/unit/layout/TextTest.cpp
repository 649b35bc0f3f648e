// The text forms: grammar, canonical spelling, round trips, and text that means harm.
#include "Worlds.h"
#include "runtime/layout/PackedShapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace recast::layout::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MapText, PrintsCanonically) {
  for (auto [in, out] : std::initializer_list<std::pair<const char *, const char *>>{
           {"((g r d) + (g d) + (g d)) h", "((g r d) + (g d) + (g d)) h"},
           {"(g r d + g d+g d)h", "((g r d) + (g d) + (g d)) h"},
           {"(g ((r d) + d + d)) h", "(g ((r d) + d + d)) h"},
           {"e (f + f) h", "e (f + f) h"},
           {"(g (r d)) (h)", "(g r d) h"},
           {"((a + b) + c)", "(a + b + c)"},
           {"(((a)) + (((b c))))", "(a + (b c))"},
           {"((a + b) c + d)", "(((a + b) c) + d)"},
           {" (g r (two j)) h ->(g r (j two)) h", "(g r two j) h -> (g r j two) h"},
           {"(n d) h+(n d) h + (n (d)) h -> h (n d + n d + n d)",
            "(n d) h + (n d) h + (n d) h -> h ((n d) + (n d) + (n d))"},
           {"a + b c -> (a + (c b))", "a + b c -> (a + (c b))"},
           {"", ""}}) {
    auto map = AxisMap::parse(in, {});
    ASSERT_TRUE(map) << in << map.error().str();
    EXPECT_EQ(map->str(), out);
    auto back = AxisMap::parse(map->str(), {});
    ASSERT_TRUE(back) << map->str();
    EXPECT_EQ(*back, *map);
  }
}

TEST(MapText, SizesComeFromBothSides) {
  auto map = AxisMap::parse("(g two) h, two=2", {{"g", 3}, {"h", 4}, {"V", 100}});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->sizes, (std::map<std::string, int64_t>{{"g", 3}, {"h", 4}, {"two", 2}}));
  EXPECT_THAT(AxisMap::parse("a b, b=2", {{"b", 3}}).error().str(), HasSubstr("as 3 and as 2"));
  EXPECT_THAT(AxisMap::parse("heads dim, head=2", {}).error().str(),
              HasSubstr("Did you mean heads"));
}

TEST(MapText, Parts) {
  AxisMap qkv = mapOf("((g r d) + (g d) + (g d)) h");
  ASSERT_EQ(qkv.partCount(), 3u);
  EXPECT_THAT(qkv.partAxes(0), ElementsAre("g", "r", "d", "h"));
  EXPECT_THAT(qkv.partAxes(2), ElementsAre("g", "d", "h"));
  AxisMap nested = mapOf("(a + b (c + d)) (e + f + g)");
  ASSERT_EQ(nested.partCount(), 9u);
  EXPECT_THAT(nested.partAxes(0), ElementsAre("a", "e"));
  EXPECT_THAT(nested.partAxes(2), ElementsAre("a", "g"));
  EXPECT_THAT(nested.partAxes(7), ElementsAre("b", "d", "f"));
  AxisMap inOne = mapOf("((a + b) c (d + e) + f) g");
  ASSERT_EQ(inOne.partCount(), 5u);
  EXPECT_THAT(inOne.partAxes(1), ElementsAre("a", "c", "e", "g"));
  EXPECT_THAT(inOne.partAxes(4), ElementsAre("f", "g"));
  EXPECT_THAT(mapOf("(b a) -> a b").partAxes(0), ElementsAre("b", "a"));
  AxisMap gpt2 = mapOf("(n d) h + (n e) h -> h (n d + n e), n=2, d=3, e=1, h=5");
  ASSERT_EQ(gpt2.partCount(), 2u);
  EXPECT_THAT(gpt2.partAxes(1), ElementsAre("n", "e", "h"));
  EXPECT_THAT(partShapes(gpt2), ElementsAre(ElementsAre(6, 5), ElementsAre(2, 5)));
  EXPECT_THAT(storedShape(gpt2), ElementsAre(5, 8));
}

TEST(MapText, InfersWhatOneDimensionLeavesOpen) {
  auto map = AxisMap::parse("(g r (two j)) h -> (g r (j two)) h, two=2", {{"g", 2}, {"r", 3}});
  ASSERT_TRUE(map);
  auto full = map->inferSizes({{24, 5}});
  ASSERT_TRUE(full) << full.error().str();
  EXPECT_EQ(full->sizes.at("j"), 2);
  EXPECT_EQ(full->sizes.at("h"), 5);
  EXPECT_THAT(map->inferSizes({{25, 5}}).error().str(), HasSubstr("does not divide"));
  EXPECT_THAT(map->inferSizes({{24, 5}, {1}}).error().str(), HasSubstr("1 parts"));
  auto open = AxisMap::parse("(a b) h", {})->inferSizes({{6, 2}});
  EXPECT_THAT(open.error().str(), HasSubstr("axis a has no size"));
  // The second part settles what the first leaves open.
  auto fused = AxisMap::parse("((g r) + g) h", {{"h", 2}})->inferSizes({{6, 2}, {3, 2}});
  ASSERT_TRUE(fused) << fused.error().str();
  EXPECT_EQ(fused->sizes.at("r"), 2);
  auto gpt2 = AxisMap::parse("(n d) h + (n e) h -> h (n d + n e)", {{"n", 2}});
  ASSERT_TRUE(gpt2) << gpt2.error().str();
  auto sized = gpt2->inferSizes({{6, 5}, {2, 5}});
  ASSERT_TRUE(sized) << sized.error().str();
  EXPECT_EQ(sized->sizes, (std::map<std::string, int64_t>{{"d", 3}, {"e", 1}, {"h", 5}, {"n", 2}}));
  EXPECT_FALSE(verify(Layout{{}, *sized, {}}, {{6, 5}, {5, 2}}));
  EXPECT_FALSE(verify(Layout{{}, *sized, {}}, {{6, 5}, {10}}));
  auto same = AxisMap::parse("a b", {})->inferSizes({{6, 2}});
  ASSERT_TRUE(same);
  EXPECT_EQ(*same, mapOf("a b, a=6, b=2"));
}

TEST(MapText, RefusesBadText) {
  std::string deep(40, '('), open = "(a", plus = "a + b", many;
  for (int i = 0; i < 3000; ++i)
    many += "a" + std::to_string(i) + " ";
  for (std::string text : {std::string("("),
                           std::string(")"),
                           std::string("a)"),
                           open,
                           plus,
                           std::string("()"),
                           std::string("(a +)"),
                           std::string("(+ a)"),
                           std::string("a -> "),
                           std::string("-> a"),
                           std::string("a -> b -> c"),
                           std::string("(a + b) -> a b"),
                           std::string("a + b -> a b"),
                           std::string("a b -> (a + b)"),
                           std::string("a + b + c -> (a + b)"),
                           std::string("a + a -> (a + b)"),
                           std::string("b + a -> (a + b)"),
                           std::string("a + b c -> (a + b)"),
                           std::string("a + b -> (a + b b)"),
                           std::string("a + -> (a + b)"),
                           std::string("+ a -> (a + b)"),
                           std::string("a b -> a c"),
                           std::string("a -> a a"),
                           std::string("a + b -> (a + b) (c + d + e)"),
                           std::string("a, a"),
                           std::string("a, a="),
                           std::string("a, a=-1"),
                           std::string("a, a=99999999999999999999"),
                           std::string("a, a=2x"),
                           std::string("a, a=1 b"),
                           std::string("2a"),
                           std::string("a-b"),
                           std::string("by"),
                           std::string("a\0b", 3),
                           std::string(100, 'a'),
                           std::string("\xff"),
                           deep + "a",
                           many,
                           std::string(size_t{1} << 17, ' ')})
    EXPECT_FALSE(AxisMap::parse(text, {})) << text.substr(0, 80);
  EXPECT_THAT(AxisMap::parse("a\x1b[31m", {}).error().str(), HasSubstr("'?[31m'"));
}

TEST(LayoutText, RoundTrips) {
  EXPECT_EQ(Layout{}.str(), "whole");
  for (const char *text :
       {"whole", "on (dp = 2)", "on (dp = 2) map \"d0 d1\" {d0 = 4, d1 = 6} split d0 by dp",
        "on (a = 2, b = 3) pad V to multiple of 128 split g r by a, b (balanced) "
        "chunk 0 by b flat a per group",
        "split x by y (widths 3 0 1)", "stage pp", "stage pp at 0 3 varying tp", "stage at at 1",
        "pieces {}", "on (x = 3) pieces {0 -> 0 [2:3:1 2:1:2], 9 -> 4 | | 4 -> 0}",
        "split x by y (ceil)", "flat dp per param", "map \"(f + f) h\" {}",
        "split to by of pad to to multiple of 2 chunk 1 by by"}) {
    auto layout = Layout::parse(text);
    ASSERT_TRUE(layout) << text << layout.error().str();
    EXPECT_EQ(layout->str(), text);
  }
  EXPECT_EQ(layoutOf(" on(dp=2)split d0 by dp ( even ) ").str(), "on (dp = 2) split d0 by dp");
  EXPECT_TRUE(layoutOf("on ()").isWhole());
}

TEST(LayoutText, RefusesBadText) {
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "pad a to multiple of 2 ";
  for (std::string text : {std::string(),
                           std::string("  "),
                           std::string("whole flat dp per param"),
                           std::string("on"),
                           std::string("on ("),
                           std::string("on (dp = )"),
                           std::string("on (dp 2)"),
                           std::string("on (dp = 2,)"),
                           std::string("map a"),
                           std::string("map \"a"),
                           std::string("map \"\" {}"),
                           std::string("map \"a\" {a = 2, a = 2}"),
                           std::string("map \"a\" {a = 2"),
                           std::string("split by dp"),
                           std::string("split a by"),
                           std::string("split a by b,"),
                           std::string("split a by b (odd)"),
                           std::string("split a by b (widths 1 -1)"),
                           std::string("split a by b (widths 1"),
                           std::string("chunk x by b"),
                           std::string("chunk -1 by b"),
                           std::string("flat dp per tensor"),
                           std::string("flat dp"),
                           std::string("pad a to 2"),
                           std::string("flatdp per param"),
                           many,
                           std::string(size_t{1} << 21, ' ')})
    EXPECT_FALSE(Layout::parse(text)) << text.substr(0, 80);
}

// Damaged text either fails or is a layout that prints and reads back as itself.
TEST(LayoutText, SurvivesMutation) {
  const std::string seeds[] = {
      "on (dp = 2, tp = 4) map \"((g r d) + (g d) + (g d)) h\" {d = 2, g = 4, h = 3, r = 2} "
      "pad h to multiple of 4 split g r by tp flat dp per group",
      "on (a = 3) map \"(g two j) h -> (g j two) h\" {g = 1, h = 2, j = 2, two = 2} chunk 0 by a",
      "on (x = 2, y = 2) split d0 by x, y (widths 1 2 0 3) chunk 1 by y flat x per param",
      "on (x = 2, y = 2) stage x at 1 varying y pieces {0 -> 0 [2:3:1 2:1:2], 9 -> 4 | | 4 -> 0}"};
  const std::string alphabet = "()+->,={}\" abdgxy0129wholepadsplit";
  std::mt19937 random(7);
  size_t parsed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = seeds[random() % std::size(seeds)];
    for (int edits = random() % 4; edits >= 0; --edits) {
      size_t at = random() % text.size();
      char c = random() % 8 ? alphabet[random() % alphabet.size()] : static_cast<char>(random());
      switch (random() % 4) {
      case 0:
        text.erase(at, 1 + random() % 3);
        break;
      case 1:
        text.insert(at, 1, c);
        break;
      case 2:
        text[at] = c;
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), random() % 12));
      }
      if (text.empty())
        text = "whole";
    }
    auto layout = Layout::parse(text);
    if (!layout)
      continue;
    ++parsed;
    auto back = Layout::parse(layout->str());
    ASSERT_TRUE(back) << text << "\n" << layout->str();
    ASSERT_EQ(*back, *layout) << text;
    // Whatever was parsed can be asked for, without harm.
    Shapes shapes = {{16, 3}, {8, 3}, {8, 3}};
    for (size_t parts : {1, 3}) {
      Shapes some(shapes.begin(), shapes.begin() + parts);
      if (auto all = fragments(*layout, some, {1, 64}))
        for (const Fragment &one : *all)
          ASSERT_TRUE(fragment(*layout, some, one.rank, {1, 64}));
    }
  }
  EXPECT_GT(parsed, 800u);
}

TEST(MeshText, CountsRanks) {
  Mesh mesh{{"dp", "tp"}, {2, 4}};
  EXPECT_EQ(mesh.str(), "(dp = 2, tp = 4)");
  EXPECT_EQ(mesh.rankCount(), 8);
  EXPECT_THAT(mesh.coordinates(5), ElementsAre(1, 1));
  EXPECT_EQ(mesh.axisIndex("tp"), 1);
  EXPECT_EQ(mesh.axisIndex("pp"), -1);
  EXPECT_EQ(Mesh{}.rankCount(), 1);
  EXPECT_EQ((Mesh{{"a", "b"}, {INT64_MAX, 2}}.rankCount()), 0);
  EXPECT_FALSE(verify(Mesh{{"a", "b"}, {1 << 11, 1 << 10}}));
  EXPECT_FALSE(verify(Mesh{{"a", "a"}, {1, 1}}));
  EXPECT_FALSE(verify(Mesh{{"a"}, {0}}));
  EXPECT_FALSE(verify(Mesh{{"a"}, {}}));
  EXPECT_FALSE(verify(Mesh{{"a b"}, {1}}));
}

} // namespace
} // namespace recast::layout::test
