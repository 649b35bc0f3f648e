// Explicit lists: what readers build, against counting; and lists that no layout may have.
#include "runtime/layout/PieceList.h"
#include "Worlds.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace recast::layout::test {
namespace {

using ::testing::HasSubstr;

std::vector<std::vector<int64_t>> vectors(size_t length, int64_t lo, int64_t hi) {
  std::vector<std::vector<int64_t>> out = {{}};
  for (size_t i = 0; i < length; ++i) {
    std::vector<std::vector<int64_t>> next;
    for (const auto &head : out)
      for (int64_t value = lo; value <= hi; ++value) {
        next.push_back(head);
        next.back().push_back(value);
      }
    out = std::move(next);
  }
  return out;
}

/// Slot of each element of a view, in row-major order.
std::vector<int64_t> slotsOfView(const std::vector<int64_t> &shape,
                                 const std::vector<int64_t> &strides) {
  std::vector<int64_t> out = {0};
  for (size_t i = 0; i < shape.size(); ++i) {
    std::vector<int64_t> next;
    for (int64_t at : out)
      for (int64_t k = 0; k < shape[i]; ++k)
        next.push_back(at + k * strides[i]);
    out = std::move(next);
  }
  return out;
}

/// Sorted by stride, each stride reaches beyond what the smaller ones span.
bool nested(const std::vector<int64_t> &shape, const std::vector<int64_t> &strides) {
  std::vector<std::pair<int64_t, int64_t>> dims;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] > 1)
      dims.push_back({strides[i], shape[i]});
  std::ranges::sort(dims);
  int64_t span = 1;
  for (auto [stride, extent] : dims) {
    if (stride < span)
      return false;
    span += (extent - 1) * stride;
  }
  return true;
}

TEST(StridedView, AllSmallOnes) {
  size_t accepted = 0, refused = 0;
  for (size_t rank = 0; rank <= 3; ++rank)
    for (const auto &shape : vectors(rank, 0, 3))
      for (const auto &strides : vectors(rank, 0, 7)) {
        std::vector<int64_t> slots = slotsOfView(shape, strides);
        auto layout = stridedView(shape, strides);
        ASSERT_EQ(layout.has_value(), slots.empty() || nested(shape, strides))
            << ::testing::PrintToString(shape) << ::testing::PrintToString(strides);
        if (!layout) {
          EXPECT_THAT(layout.error().message(), HasSubstr("into one slot"));
          ++refused;
          continue;
        }
        ++accepted;
        std::vector<Slot> expected(slots.empty() ? 0 : *std::ranges::max_element(slots) + 1);
        for (size_t i = 0; i < slots.size(); ++i)
          expected[static_cast<size_t>(slots[i])] = {0, static_cast<int64_t>(i)};
        auto map = elementMap(*layout, {shape}, 0);
        ASSERT_TRUE(map) << map.error().str();
        ASSERT_EQ(*map, expected) << layout->str();
        auto one = fragment(*layout, {shape}, 0);
        ASSERT_TRUE(one) << one.error().str();
        ASSERT_LE(one->pieces.size(), 1u);
        ASSERT_EQ(expand({*one}, 1).front(), expected) << layout->str();
        ASSERT_EQ(layoutOf(layout->str()), *layout);
        auto all = fragments(*layout, {shape});
        ASSERT_TRUE(all);
        ASSERT_EQ(all->size(), slots.empty() ? 0u : 1u);
      }
  EXPECT_GT(accepted, 5000u);
  EXPECT_GT(refused, 5000u);
}

TEST(StridedView, KnowsTheContiguousOnes) {
  EXPECT_TRUE(stridedView({2, 3}, {3, 1})->isWhole());
  EXPECT_TRUE(stridedView({2, 1, 3}, {3, 99, 1})->isWhole());
  EXPECT_TRUE(stridedView({}, {})->isWhole());
  EXPECT_TRUE(stridedView({0, 3}, {7, 7})->isWhole());
  EXPECT_EQ(stridedView({3, 2}, {1, 3})->str(), "pieces {0 -> 0 [3:2:1 2:1:3]}");
  EXPECT_EQ(stridedView({4, 3, 2}, {12, 2, 1})->str(), "pieces {0 -> 0 [4:6:12 6:1:1]}");
  EXPECT_FALSE(stridedView({2, 3}, {3}));
  EXPECT_FALSE(stridedView({2, 3}, {-3, 1}));
  EXPECT_FALSE(stridedView({-2}, {1}));
  EXPECT_FALSE(stridedView({INT64_MAX, 2}, {2, 1}));
  EXPECT_FALSE(stridedView({4, 2}, {INT64_MAX / 2, 1}));
}

TEST(PieceList, ChunksOfATable) {
  // Two ranks with uneven blocks of a 4 x 5 tensor, the second one in two chunks of its buffer.
  std::vector<int64_t> shape = {4, 5};
  auto layout = listedLayout(
      shape, {{*boxPiece(shape, {0, 0}, {4, 2})},
              {*boxPiece(shape, {0, 2}, {1, 3}), *boxPiece(shape, {1, 2}, {3, 3}, 3)}});
  ASSERT_TRUE(layout) << layout.error().str();
  EXPECT_EQ(layout->str(), "on (piece = 2) pieces {0 -> 0 [4:5:2 2:1:1] | 2 -> 0 [3:1:1], "
                           "7 -> 3 [3:5:3 3:1:1]}");
  auto all = fragments(*layout, {shape});
  auto columns = fragments(layoutOf("on (tp = 2) split d1 by tp (widths 2 3)"), {shape});
  ASSERT_TRUE(all && columns);
  EXPECT_EQ(expand(*all, 2), expand(*columns, 2));
  EXPECT_FALSE(boxPiece(shape, {0, 4}, {1, 2}));
  EXPECT_FALSE(boxPiece(shape, {-1, 0}, {1, 2}));
  EXPECT_FALSE(boxPiece(shape, {0, 0}, {0, 2}));
  EXPECT_FALSE(boxPiece(shape, {0}, {1}));
  EXPECT_TRUE(listedLayout(shape, {{*boxPiece(shape, {0, 0}, {4, 5})}})->isWhole());
}

// The pieces of any layout, listed, are that layout.
TEST(PieceList, ListsEveryLayout) {
  size_t count = 0;
  for (const Subject &subject : subjects())
    for (const AxisMap &map : subject.maps)
      for (const Mesh &mesh : meshes())
        forEachWorld(subject, map, mesh, mesh.rankCount() > 4 ? 1 : 2, [&](const World &world) {
          if (subject.shapes.size() != 1 || HasFatalFailure())
            return;
          PieceList list;
          list.ranks.resize(mesh.rankCount());
          auto all = fragments(world.layout, world.shapes, world.position);
          ASSERT_TRUE(all);
          for (const Fragment &one : *all)
            list.ranks[one.rank] = one.pieces;
          Layout listed{mesh, {}, {list}};
          ASSERT_EQ(layoutOf(listed.str()), listed);
          auto again = fragments(listed, world.shapes);
          ASSERT_TRUE(again) << again.error().str();
          ASSERT_EQ(again->size(), all->size());
          for (size_t i = 0; i < all->size(); ++i)
            ASSERT_EQ((*again)[i].pieces, (*all)[i].pieces) << describe(world);
          ++count;
        });
  EXPECT_GT(count, 10000u);
}

// Lists over maps and pads: boxes of the stored tensor against the parts in it.
TEST(PieceList, CutsPackedTensors) {
  std::mt19937 random(3);
  size_t count = 0;
  for (const Subject &subject : subjects())
    for (const AxisMap &map : subject.maps)
      for (int round = 0; round < 40 && !HasFatalFailure(); ++round) {
        if (map.stored.empty())
          continue;
        Layout layout{{{"x"}, {3}}, map, {}};
        if (round % 2)
          layout.steps.push_back(Pad{map.sizes.begin()->first, 3});
        auto whole = elementMap(layout, subject.shapes, 0);
        ASSERT_TRUE(whole);
        int64_t elements = static_cast<int64_t>(whole->size());
        PieceList list;
        for (int rank = 0; rank < 3; ++rank) {
          auto &pieces = list.ranks.emplace_back();
          int64_t stored = 0;
          for (int64_t at = random() % 3; at < elements; at += random() % 3) {
            int64_t outer = 1 + random() % 3, inner = 1 + random() % 3;
            int64_t stride = inner + random() % 3;
            if (at + (outer - 1) * stride + inner > elements)
              break;
            Piece piece{0, at, stored, {}};
            bool transposed = random() % 2;
            if (outer > 1)
              piece.dims.push_back({outer, stride, transposed ? 1 : inner});
            if (inner > 1)
              piece.dims.push_back({inner, 1, transposed ? outer : 1});
            pieces.push_back(piece);
            at += (outer - 1) * stride + inner;
            stored += outer * inner + random() % 2;
          }
        }
        layout.steps.push_back(list);
        World world{layout, subject.shapes, {}};
        SCOPED_TRACE(describe(world));
        ASSERT_TRUE(verify(layout, subject.shapes)) << verify(layout, subject.shapes).error().str();
        auto expected = slotsOf(world);
        std::vector<Fragment> each;
        for (int64_t rank = 0; rank < 3; ++rank) {
          auto one = fragment(layout, subject.shapes, rank);
          ASSERT_TRUE(one) << one.error().str();
          each.push_back(std::move(*one));
        }
        ASSERT_EQ(expand(each, 3), expected);
        auto all = fragments(layout, subject.shapes);
        ASSERT_TRUE(all);
        for (const Fragment &one : *all)
          ASSERT_EQ(one.pieces, each[one.rank].pieces);
        for (uint32_t part = 0; part < subject.shapes.size(); ++part) {
          auto own = fragmentsOfPart(layout, subject.shapes, part);
          ASSERT_TRUE(own);
          for (const Fragment &one : *own) {
            std::vector<Piece> pieces = each[one.rank].pieces;
            std::erase_if(pieces, [&](const Piece &piece) { return piece.part != part; });
            ASSERT_EQ(one.pieces, pieces);
            ASSERT_EQ(one.storedElements, each[one.rank].storedElements);
          }
        }
        ++count;
      }
  EXPECT_GT(count, 500u);
}

TEST(PieceList, RefusesWhatIsNoLayout) {
  auto problem = [](const std::string &text, const Shapes &shapes) {
    auto status = verify(layoutOf(text), shapes);
    return status ? "" : status.error().str();
  };
  Shapes shapes = {{4, 3}};
  EXPECT_EQ(problem("pieces {0 -> 0 [12:1:1]}", shapes), "");
  EXPECT_EQ(problem("pieces {}", shapes), "");
  EXPECT_EQ(problem("pieces {0 -> 0 [2:6:2 2:1:1], 2 -> 4 [2:6:1]}", shapes), "");
  EXPECT_THAT(problem("pieces {0 -> 0 [13:1:1]}", shapes), HasSubstr("has 12 elements"));
  EXPECT_THAT(problem("pieces {12 -> 0}", shapes), HasSubstr("reaches to 13"));
  EXPECT_THAT(problem("pieces {0 -> 0 [2:1:1 2:1:1]}", shapes), HasSubstr("stride"));
  EXPECT_THAT(problem("pieces {0 -> 0 [0:1:1]}", shapes), HasSubstr("positive"));
  EXPECT_THAT(problem("pieces {0 -> 0 [2:1:0]}", shapes), HasSubstr("one slot"));
  EXPECT_THAT(problem("pieces {0 -> 0 [3:3:1 2:1:1]}", shapes), HasSubstr("one slot"));
  EXPECT_THAT(problem("pieces {0 -> 0 [4:1:1], 3 -> 4}", shapes), HasSubstr("same element"));
  EXPECT_THAT(problem("pieces {0 -> 0 [4:3:1], 6 -> 4}", shapes), HasSubstr("same element"));
  EXPECT_EQ(problem("pieces {0 -> 0 [4:3:1], 7 -> 4}", shapes), "");
  EXPECT_THAT(problem("pieces {0 -> 0 [4:1:2], 4 -> 4}", shapes), HasSubstr("same slot"));
  EXPECT_EQ(problem("pieces {0 -> 0 [4:1:2], 4 -> 5}", shapes), "");
  EXPECT_THAT(problem("on (x = 2) pieces {0 -> 0}", shapes), HasSubstr("for 1 ranks of 2"));
  EXPECT_THAT(problem("on (x = 2) split d0 by x pieces {0 -> 0 |}", shapes),
              HasSubstr("only pads"));
  EXPECT_THAT(problem("pieces {0 -> 0} pad d0 to multiple of 2", shapes),
              HasSubstr("nothing may follow `pieces`"));
  EXPECT_THAT(problem("pieces {9223372036854775807 -> 0}", shapes), HasSubstr("piece at"));
  EXPECT_THAT(problem("pieces {0 -> 9223372036854775807}", shapes), HasSubstr("piece at"));
  EXPECT_THAT(problem("pieces {0 -> 0 [2:1:9223372036854775807]}", shapes), HasSubstr("piece at"));
  Layout layout;
  layout.steps.push_back(PieceList{{{{1, 0, 0, {}}}}});
  EXPECT_THAT(verify(layout, shapes).error().str(), HasSubstr("not of a part"));
  layout.steps = {PieceList{{{{0, 0, -1, {}}}}}};
  EXPECT_FALSE(verify(layout, shapes));
  layout.steps = {PieceList{{std::vector<Piece>(kMaxListedPieces + 1)}}};
  EXPECT_THAT(verify(layout, shapes).error().str(), HasSubstr("more than"));
  for (const char *text :
       {"pieces", "pieces {", "pieces {0}", "pieces {0 ->}", "pieces {0 -> 0 []}",
        "pieces {0 -> 0 [1:1]}", "pieces {0 -> 0 [1:1:1}", "pieces {0 -> 0,}", "pieces {0 -> -1}",
        "pieces {0 -> 0 0 -> 1}", "stage", "stage pp at", "varying"})
    EXPECT_FALSE(Layout::parse(text)) << text;
}

TEST(Stage, OwnersHoldAndOthersDoNot) {
  auto problem = [](const std::string &text) {
    auto status = verify(layoutOf(text), {{4}});
    return status ? "" : status.error().str();
  };
  EXPECT_THAT(problem("on (pp = 2) stage pp"), HasSubstr("which coordinate"));
  EXPECT_THAT(problem("on (pp = 2) stage pp at 2"), HasSubstr("below 2"));
  EXPECT_THAT(problem("on (pp = 2) stage pp at 1 0"), HasSubstr("rise"));
  EXPECT_THAT(problem("on (pp = 2) stage pp at 1 1"), HasSubstr("rise"));
  EXPECT_THAT(problem("on (pp = 2) stage tp at 1"), HasSubstr("no mesh axis tp"));
  EXPECT_THAT(problem("on (pp = 2) stage pp at 0 split d0 by pp"), HasSubstr("used twice"));
  EXPECT_THAT(problem("on (tp = 2) varying tp split d0 by tp"), HasSubstr("used twice"));
  EXPECT_EQ(problem("on (pp = 2, tp = 2) stage pp at 0 1 split d0 by tp"), "");
  auto all = fragments(layoutOf("on (pp = 4, tp = 2) stage pp at 1 3 split d0 by tp"), {{4}});
  ASSERT_TRUE(all);
  std::vector<int64_t> ranks;
  for (const Fragment &one : *all)
    ranks.push_back(one.rank);
  EXPECT_EQ(ranks, (std::vector<int64_t>{2, 3, 6, 7}));
  auto none = fragment(layoutOf("on (pp = 2) stage pp at 1 flat pp per param"), {{4}}, 0);
  EXPECT_FALSE(none);
  auto empty = fragment(layoutOf("on (pp = 2) stage pp at 1"), {{4}}, 0);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->storedElements, 0);
}

} // namespace
} // namespace recast::layout::test
