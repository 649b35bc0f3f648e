// All small layouts, fast code against the definition.
#include "Worlds.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>

namespace recast::layout::test {
namespace {

bool isEmpty(const std::vector<Slot> &slots) {
  return std::ranges::none_of(slots, [](const Slot &slot) { return slot.part >= 0; });
}

bool same(const Fragment &a, const Fragment &b) {
  return a.rank == b.rank && a.storedElements == b.storedElements && a.pieces == b.pieces;
}

// Two pieces that differ along one dimension only and continue each other would have to be one.
bool mergeable(const Piece &a, const Piece &b) {
  if (a.part != b.part || a.dims.size() != b.dims.size())
    return false;
  for (size_t d = 0; d < a.dims.size(); ++d) {
    std::vector<BoxDim> left = a.dims, right = b.dims;
    left[d].extent = right[d].extent = 1;
    if (left == right &&
        a.logicalOffset + a.dims[d].extent * a.dims[d].logicalStride == b.logicalOffset &&
        a.storedOffset + a.dims[d].extent * a.dims[d].storedStride == b.storedOffset)
      return true;
  }
  return false;
}

void checkCanonical(const World &world, const Fragment &fragment) {
  for (size_t i = 0; i < fragment.pieces.size(); ++i) {
    const Piece &piece = fragment.pieces[i];
    for (size_t d = 0; d < piece.dims.size(); ++d) {
      ASSERT_GE(piece.dims[d].extent, 2) << describe(world);
      if (d + 1 == piece.dims.size())
        continue;
      const BoxDim &outer = piece.dims[d], &inner = piece.dims[d + 1];
      ASSERT_GT(outer.logicalStride, inner.logicalStride) << describe(world);
      ASSERT_FALSE(outer.logicalStride == inner.logicalStride * inner.extent &&
                   outer.storedStride == inner.storedStride * inner.extent)
          << describe(world);
    }
    if (i > 0) {
      const Piece &before = fragment.pieces[i - 1];
      ASSERT_LT(std::pair(before.part, before.logicalOffset),
                std::pair(piece.part, piece.logicalOffset))
          << describe(world);
    }
    for (size_t k = 0; k < fragment.pieces.size(); ++k)
      ASSERT_FALSE(k != i && mergeable(fragment.pieces[k], piece)) << describe(world);
  }
}

// Every mesh axis is used, and by a step that cuts all parts: then nothing is held twice.
bool replicates(const World &world) {
  const AxisMap &map = world.layout.axes;
  for (size_t m = 0; m < world.layout.mesh.axes.size(); ++m) {
    if (world.layout.mesh.sizes[m] == 1)
      continue;
    bool cuts = false;
    for (const Step &step : world.layout.steps) {
      if (const auto *chunk = std::get_if<Chunk>(&step))
        cuts |= chunk->by == world.layout.mesh.axes[m];
      if (const auto *flat = std::get_if<Flat>(&step))
        cuts |= flat->by == world.layout.mesh.axes[m];
      const auto *split = std::get_if<Split>(&step);
      if (!split || !std::ranges::count(split->by, world.layout.mesh.axes[m]))
        continue;
      bool inAll = true;
      for (size_t part = 0; part < world.shapes.size(); ++part)
        for (const std::string &axis : split->axes)
          inAll &= std::ranges::count(map.partAxes(part), axis) > 0;
      cuts |= inAll;
    }
    if (!cuts)
      return true;
  }
  return false;
}

void check(const World &world) {
  SCOPED_TRACE(describe(world));
  int64_t ranks = world.layout.mesh.rankCount();
  std::vector<std::vector<Slot>> expected = slotsOf(world);
  std::vector<Fragment> each;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    auto one = fragment(world.layout, world.shapes, rank, world.position);
    ASSERT_TRUE(one) << one.error().str();
    checkCanonical(world, *one);
    each.push_back(std::move(*one));
  }
  ASSERT_EQ(expand(each, ranks), expected);

  auto all = fragments(world.layout, world.shapes, world.position);
  ASSERT_TRUE(all) << all.error().str();
  size_t at = 0;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    if (isEmpty(expected[rank]))
      continue;
    ASSERT_LT(at, all->size());
    ASSERT_TRUE(same((*all)[at], each[rank])) << "rank " << rank;
    ++at;
  }
  ASSERT_EQ(at, all->size());

  std::map<std::string, int64_t> shares;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    // What has one name is one share.
    auto [first, isNew] = shares.try_emplace(shareName(world.layout, rank), rank);
    ASSERT_EQ(expected[first->second], expected[rank]) << "ranks " << first->second << ", " << rank;
    for (uint32_t part = 0; part < world.shapes.size(); ++part) {
      auto one = fragmentOfPart(world.layout, world.shapes, part, rank, world.position);
      ASSERT_TRUE(one) << one.error().str();
      std::vector<Piece> pieces = each[rank].pieces;
      std::erase_if(pieces, [part](const Piece &piece) { return piece.part != part; });
      ASSERT_EQ(one->pieces, pieces) << "rank " << rank << ", part " << part;
    }
    if (auto shape = localShape(world.layout, world.shapes, rank))
      ASSERT_EQ(elementCount(*shape), static_cast<int64_t>(expected[rank].size()))
          << "rank " << rank;
  }

  for (uint32_t part = 0; part < world.shapes.size(); ++part) {
    auto own = fragmentsOfPart(world.layout, world.shapes, part, world.position);
    ASSERT_TRUE(own) << own.error().str();
    std::vector<Fragment> filtered;
    for (Fragment one : *all) {
      std::erase_if(one.pieces, [&](const Piece &piece) { return piece.part != part; });
      if (!one.pieces.empty())
        filtered.push_back(std::move(one));
    }
    ASSERT_TRUE(std::ranges::equal(*own, filtered, same)) << "part " << part;
  }

  std::map<std::pair<int32_t, int64_t>, int> holders;
  for (const auto &slots : expected)
    for (const Slot &slot : slots)
      if (slot.part >= 0)
        ++holders[{slot.part, slot.index}];
  int64_t elements = 0;
  for (const auto &shape : world.shapes) {
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    elements += count;
  }
  ASSERT_EQ(static_cast<int64_t>(holders.size()), elements);
  if (!replicates(world))
    for (const auto &[element, count] : holders)
      ASSERT_EQ(count, 1);

  auto back = Layout::parse(world.layout.str());
  ASSERT_TRUE(back) << back.error().str();
  ASSERT_EQ(*back, world.layout);
}

TEST(SmallWorlds, FragmentsAreTheElementMap) {
  size_t count = 0;
  for (const Subject &subject : subjects())
    for (const AxisMap &map : subject.maps)
      for (const Mesh &mesh : meshes()) {
        size_t axes = map.sizes.size() * std::max<size_t>(mesh.axes.size(), 1);
        int depth = axes <= 4 ? 3 : axes <= 9 ? 2 : 1;
        // All lists of up to two steps; of those of three all over few axes, else a part.
        count += forEachWorld(
            subject, map, mesh, depth,
            [](const World &world) {
              if (!::testing::Test::HasFatalFailure())
                check(world);
            },
            axes > 1 ? 23 : 1);
        if (HasFatalFailure())
          return;
      }
  RecordProperty("worlds", static_cast<int>(count));
  EXPECT_GT(count, 30000u);
}

// Equal contents of all ranks, by whatever steps, give equal piece lists.
TEST(SmallWorlds, EqualLayoutsHaveEqualPieces) {
  size_t compared = 0;
  for (const Subject &subject : subjects()) {
    std::map<std::vector<std::vector<std::pair<int32_t, int64_t>>>, std::vector<std::vector<Piece>>>
        seen;
    for (const AxisMap &map : subject.maps)
      for (const Mesh &mesh : meshes())
        forEachWorld(subject, map, mesh, mesh.rankCount() > 4 ? 1 : 2, [&](const World &world) {
          std::vector<std::vector<std::pair<int32_t, int64_t>>> key;
          std::vector<std::vector<Piece>> pieces;
          for (int64_t rank = 0; rank < mesh.rankCount(); ++rank) {
            auto one = fragment(world.layout, world.shapes, rank, world.position);
            ASSERT_TRUE(one);
            key.emplace_back();
            for (const auto &slots : expand({{0, one->storedElements, one->pieces}}, 1))
              for (const Slot &slot : slots)
                key.back().push_back({slot.part, slot.index});
            pieces.push_back(std::move(one->pieces));
          }
          auto [entry, added] = seen.emplace(std::move(key), pieces);
          compared += !added;
          EXPECT_EQ(entry->second, pieces) << describe(world);
        });
  }
  EXPECT_GT(compared, 1000u);
}

} // namespace
} // namespace recast::layout::test
