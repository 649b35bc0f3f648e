// overlay() against a join of element maps, over small worlds and over large ones by counting.
#include "Worlds.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <random>

namespace recast::layout::test {
namespace {

/// Where one element lies, in rank order.
using Holding = std::vector<std::pair<int64_t, int64_t>>; // (rank, slot)
using Element = std::pair<int32_t, int64_t>;              // (part, logical index)

struct Sample {
  World world;
  std::vector<Fragment> fragments;
  std::map<Element, Holding> holders;
};

Sample sampleOf(const World &world) {
  Sample out{world, {}, {}};
  auto all = fragments(world.layout, world.shapes, world.position);
  EXPECT_TRUE(all) << describe(world);
  out.fragments = std::move(*all);
  auto slots = slotsOf(world);
  for (size_t rank = 0; rank < slots.size(); ++rank)
    for (size_t slot = 0; slot < slots[rank].size(); ++slot)
      if (slots[rank][slot].part >= 0)
        out.holders[{slots[rank][slot].part, slots[rank][slot].index}].push_back({rank, slot});
  return out;
}

/// An element and its address in each operand.
using Meeting = std::pair<Element, Holding>;

std::vector<Meeting> expected(const std::vector<const Sample *> &samples,
                              const std::vector<Holders> &holders) {
  std::vector<Meeting> out;
  for (const auto &[element, first] : samples.front()->holders) {
    std::vector<Holding> rows = {{}};
    for (size_t i = 0; i < samples.size(); ++i) {
      auto found = samples[i]->holders.find(element);
      std::vector<Holding> next;
      for (const Holding &row : rows) {
        if (found == samples[i]->holders.end())
          continue;
        for (const auto &place : found->second) {
          next.push_back(row);
          next.back().push_back(place);
          if (holders[i] == Holders::First)
            break;
        }
      }
      rows = std::move(next);
    }
    for (const Holding &row : rows)
      out.push_back({element, row});
  }
  std::ranges::sort(out);
  return out;
}

std::vector<Meeting> listed(const std::vector<Cell> &cells) {
  std::vector<Meeting> out;
  for (const Cell &cell : cells) {
    for (int64_t i = 0; i < cell.elementCount(); ++i) {
      int64_t rest = i, logical = cell.logicalOffset;
      Holding row;
      for (const CellAddress &at : cell.at)
        row.push_back({at.rank, at.offset});
      for (size_t d = cell.extents.size(); d-- > 0;) {
        int64_t index = rest % cell.extents[d];
        rest /= cell.extents[d];
        logical += index * cell.logicalStrides[d];
        for (size_t k = 0; k < row.size(); ++k)
          row[k].second += index * cell.at[k].strides[d];
      }
      out.push_back({{static_cast<int32_t>(cell.part), logical}, row});
    }
  }
  std::ranges::sort(out);
  return out;
}

bool ordered(const std::vector<Cell> &cells) {
  return std::ranges::is_sorted(
      cells, {}, [](const Cell &cell) { return std::pair(cell.part, cell.logicalOffset); });
}

void check(const std::vector<const Sample *> &samples, const std::vector<Holders> &holders) {
  std::vector<Operand> operands;
  std::string trace;
  for (size_t i = 0; i < samples.size(); ++i) {
    operands.push_back({samples[i]->fragments, holders[i]});
    trace += describe(samples[i]->world) + (holders[i] == Holders::First ? " first\n" : " every\n");
  }
  SCOPED_TRACE(trace);
  auto cells = overlay(operands);
  ASSERT_TRUE(cells) << cells.error().str();
  ASSERT_TRUE(ordered(*cells));
  for (const Cell &cell : *cells) {
    ASSERT_EQ(cell.at.size(), samples.size());
    ASSERT_EQ(cell.extents.size(), cell.logicalStrides.size());
    for (const CellAddress &at : cell.at)
      ASSERT_EQ(at.strides.size(), cell.extents.size());
  }
  ASSERT_EQ(listed(*cells), expected(samples, holders));
}

TEST(Overlay, IsTheJoinOfElementMaps) {
  size_t pairs = 0;
  for (const Subject &subject : subjects()) {
    std::vector<Sample> samples;
    for (const AxisMap &map : subject.maps)
      for (const Mesh &mesh : meshes()) {
        size_t total = forEachWorld(subject, map, mesh, 2, [](const World &) {});
        size_t step = std::max<size_t>(total / 5, 1), n = 0;
        forEachWorld(subject, map, mesh, 2, [&](const World &world) {
          if (n++ % step == step - 1)
            samples.push_back(sampleOf(world));
        });
      }
    for (size_t a = 0; a < samples.size(); ++a)
      for (size_t b = 0; b < samples.size(); ++b) {
        Holders left = (a + b) % 3 ? Holders::First : Holders::Every;
        Holders right = (a + b) % 2 ? Holders::First : Holders::Every;
        check({&samples[a], &samples[b]}, {left, right});
        if ((a * 7 + b) % 11 == 0)
          check({&samples[a], &samples[b], &samples[(a + 3 * b + 1) % samples.size()]},
                {Holders::First, right, Holders::Every});
        ++pairs;
        if (HasFatalFailure())
          return;
      }
  }
  EXPECT_GT(pairs, 10000u);
}

// Any nests, also such as no layout makes: strides without common divisors, rows that straddle each
// other's ends, partial overlaps within one operand. Rank r holds one box.
Sample randomSample(std::mt19937 &random) {
  Sample out;
  int64_t ranks = 1 + random() % 5;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Piece piece;
    piece.logicalOffset = random() % 40;
    piece.storedOffset = random() % 5;
    int64_t span = 1, stored = 1;
    for (size_t dims = random() % 4; dims > 0; --dims) {
      BoxDim dim{static_cast<int64_t>(1 + random() % 4), static_cast<int64_t>(span + random() % 5),
                 stored};
      span += (dim.extent - 1) * dim.logicalStride;
      stored *= dim.extent;
      piece.dims.insert(piece.dims.begin(), dim);
    }
    Fragment fragment{rank, piece.storedOffset + stored, {piece}};
    auto slots = expand({fragment}, ranks)[rank];
    for (size_t slot = 0; slot < slots.size(); ++slot)
      if (slots[slot].part >= 0)
        out.holders[{0, slots[slot].index}].push_back({rank, slot});
    out.fragments.push_back(std::move(fragment));
  }
  return out;
}

TEST(Overlay, HoldsForAnyNests) {
  std::mt19937 random(1);
  for (int i = 0; i < 4000 && !HasFatalFailure(); ++i) {
    Sample a = randomSample(random), b = randomSample(random), c = randomSample(random);
    auto either = [&] { return random() % 2 ? Holders::First : Holders::Every; };
    check({&a, &b}, {either(), either()});
    check({&a, &b, &c}, {either(), either(), either()});
  }
}

std::vector<Fragment> fragmentsOf(const std::string &text, const Shapes &shapes,
                                  FlatPosition position = {}) {
  Layout layout = layoutOf(text);
  auto all = fragments(layout, shapes, position);
  EXPECT_TRUE(all) << text << ": " << (all ? "" : all.error().str());
  return all ? std::move(*all) : std::vector<Fragment>{};
}

size_t cellsOf(const std::vector<Fragment> &a, const std::vector<Fragment> &b) {
  Operand operands[] = {{a, Holders::First}, {b, Holders::Every}};
  auto cells = overlay(operands);
  EXPECT_TRUE(cells);
  return cells ? cells->size() : 0;
}

TEST(Overlay, NothingGivesNothing) {
  EXPECT_TRUE(overlay({})->empty());
  std::vector<Fragment> some = fragmentsOf("on (dp = 2) flat dp per param", {{6}}), none;
  Operand operands[] = {{some, Holders::First}, {none, Holders::First}};
  EXPECT_TRUE(overlay(operands)->empty());
  std::vector<Fragment> empty = fragmentsOf("on (dp = 2) flat dp per param", {{0, 4}});
  EXPECT_TRUE(empty.empty());
}

TEST(Overlay, OneOperandIsItself) {
  std::vector<Fragment> some = fragmentsOf("on (tp = 2) split d1 by tp", {{3, 4}});
  Operand operand{some, Holders::First};
  auto cells = overlay({&operand, 1});
  ASSERT_TRUE(cells);
  ASSERT_EQ(cells->size(), 2u);
  EXPECT_EQ((*cells)[1].logicalOffset, 2);
  EXPECT_EQ((*cells)[1].extents, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ((*cells)[1].logicalStrides, (std::vector<int64_t>{4, 1}));
  EXPECT_EQ((*cells)[1].at[0].rank, 1);
  EXPECT_EQ((*cells)[1].at[0].strides, (std::vector<int64_t>{2, 1}));
}

// p intervals against q intervals: p + q - gcd(p, q) cells.
TEST(Overlay, FlatAgainstFlatIsMinimal) {
  for (auto [p, q] : {std::pair{4096, 3000}, {7, 4096}, {64, 64}}) {
    int64_t n = std::lcm<int64_t>(p, q);
    auto a = fragmentsOf(fmt::format("on (dp = {}) flat dp per param", p), {{n}});
    auto b = fragmentsOf(fmt::format("on (dp = {}) flat dp per param", q), {{n}});
    EXPECT_EQ(cellsOf(a, b), static_cast<size_t>(p + q - std::gcd(p, q)));
  }
}

// The product of the cuts along each axis.
TEST(Overlay, GridAgainstGridIsMinimal) {
  Shapes shapes = {{96, 4096}};
  auto a = fragmentsOf("on (x = 8, y = 64) split d0 by x split d1 by y", shapes);
  auto b = fragmentsOf("on (x = 6, y = 128) split d0 by x split d1 by y", shapes);
  EXPECT_EQ(cellsOf(a, b), (8u + 6 - 2) * 128);
  auto columns = fragmentsOf("on (y = 4096) split d1 by y", shapes);
  auto wide = fragmentsOf("on (y = 2048) split d1 by y", shapes);
  EXPECT_EQ(cellsOf(columns, wide), 4096u);
}

// An interval within a row meets only the columns it covers.
TEST(Overlay, FlatAgainstColumnsMeetsOnlyNeighbours) {
  Shapes shapes = {{4, 1 << 16}};
  auto rows = fragmentsOf("on (dp = 1024) flat dp per param", shapes);
  auto columns = fragmentsOf("on (tp = 1024) split d1 by tp", shapes);
  EXPECT_EQ(cellsOf(rows, columns), 4096u);
}

// A million pieces a side; a quadratic join would not end.
TEST(Overlay, ManyRanks) {
  Shapes shapes = {{1 << 20, 2}};
  auto a = fragmentsOf("on (dp = 262144) flat dp per param", shapes);
  auto b = fragmentsOf("on (dp = 1048576) chunk 0 by dp", shapes);
  ASSERT_EQ(a.size(), 262144u);
  ASSERT_EQ(b.size(), 1048576u);
  EXPECT_EQ(cellsOf(a, b), 1048576u);
}

// Replicas that agree give one cell for the reader, and one for each writer.
TEST(Overlay, ReplicasAreReadOnceAndWrittenEverywhere) {
  Shapes shapes = {{64, 8}};
  auto source = fragmentsOf("on (dp = 4, tp = 2) split d0 by tp", shapes);
  auto target = fragmentsOf("on (dp = 16, tp = 1) split d0 by tp", shapes);
  EXPECT_EQ(cellsOf(source, target), 2u * 16);
}

TEST(Overlay, IncompatibleFactorsMeetInOnePeriod) {
  // 6 = 2 x 3 = 3 x 2 inside a long outer axis: work per period, not per element.
  Shapes shapes = {{1 << 16, 6}};
  auto a = fragmentsOf("on (t = 3) map \"n (a b)\" {n = 65536, a = 2, b = 3} split b by t", shapes);
  auto b = fragmentsOf("on (t = 2) map \"n (c d)\" {n = 65536, c = 3, d = 2} split d by t", shapes);
  EXPECT_LE(cellsOf(a, b), 36u);
}

TEST(Overlay, RefusesWhatIsNoNest) {
  std::vector<Fragment> bad = {{0, 8, {{0, 0, 0, {{4, 1, 1}, {2, 1, 4}}}}}};
  Operand operand{bad, Holders::First};
  EXPECT_FALSE(overlay({&operand, 1}));
  bad[0].pieces[0] = {0, -1, 0, {}};
  EXPECT_FALSE(overlay({&operand, 1}));
  bad[0].pieces[0] = {0, 0, 0, {{INT64_MAX, INT64_MAX, 1}}};
  EXPECT_FALSE(overlay({&operand, 1}));
}

} // namespace
} // namespace recast::layout::test
