// Naming numbered parameters: the one assignment that fits, or the items in doubt.
#include "runtime/format/deepspeed/read/Assignment.h"

#include <gtest/gtest.h>
#include <random>
#include <set>

namespace recast::format::deepspeed {
namespace {

/// Items and slots have kinds; a slot takes an item of its kind.
struct World {
  std::vector<int> items;
  std::vector<std::vector<int>> groups;
  Assignment solve() const {
    std::vector<size_t> sizes;
    for (const auto &group : groups)
      sizes.push_back(group.size());
    return assignInOrder(items.size(), sizes, [&](size_t item, size_t g, size_t slot) {
      return items[item] == groups[g][slot];
    });
  }
  /// Every assignment, by trying everything: the item of each slot, group after group.
  std::set<std::vector<size_t>> all() const {
    std::set<std::vector<size_t>> out;
    std::vector<std::vector<size_t>> chosen(groups.size());
    auto place = [&](auto &self, size_t item) -> void {
      if (item == items.size()) {
        std::vector<size_t> flat;
        for (size_t g = 0; g < groups.size(); ++g) {
          if (chosen[g].size() != groups[g].size())
            return;
          flat.insert(flat.end(), chosen[g].begin(), chosen[g].end());
        }
        out.insert(flat);
        return;
      }
      self(self, item + 1);
      for (size_t g = 0; g < groups.size(); ++g)
        if (chosen[g].size() < groups[g].size() && groups[g][chosen[g].size()] == items[item]) {
          chosen[g].push_back(item);
          self(self, item + 1);
          chosen[g].pop_back();
        }
    };
    place(place, 0);
    return out;
  }
};

TEST(Assignment, OneWayIsFound) {
  Assignment found = World{{2, 1, 2, 1, 9}, {{2, 2}, {1, 1}}}.solve();
  EXPECT_TRUE(found.exists);
  EXPECT_TRUE(found.doubtful.empty());
  EXPECT_EQ(found.groups, (std::vector<std::vector<size_t>>{{0, 2}, {1, 3}}));
}

TEST(Assignment, DoubtNamesTheItems) {
  Assignment found = World{{5, 1, 1, 7}, {{5, 1, 7}}}.solve();
  EXPECT_TRUE(found.exists);
  EXPECT_EQ(found.doubtful, (std::vector<size_t>{1, 2}));
  EXPECT_FALSE((World{{1, 2}, {{2, 1}}}.solve().exists));
  EXPECT_FALSE((World{{1}, {{1, 1}}}.solve().exists));
}

TEST(Assignment, AgreesWithTryingEverything) {
  std::mt19937 random(5);
  size_t unique = 0, doubtful = 0;
  for (int round = 0; round < 3000; ++round) {
    World world;
    world.groups.resize(1 + random() % 3);
    for (size_t n = random() % 8; n > 0; --n)
      world.items.push_back(static_cast<int>(random() % 3));
    for (int item : world.items)
      if (random() % 6)
        world.groups[random() % world.groups.size()].push_back(item);
    auto all = world.all();
    Assignment found = world.solve();
    ASSERT_TRUE(found.exists); // The one it was made from.
    ASSERT_EQ(found.doubtful.empty(), all.size() == 1);
    if (all.size() == 1) {
      std::vector<size_t> flat;
      for (const auto &group : found.groups)
        flat.insert(flat.end(), group.begin(), group.end());
      ASSERT_EQ(flat, *all.begin());
      ++unique;
    } else {
      ++doubtful;
    }
  }
  EXPECT_GT(unique, 100u);
  EXPECT_GT(doubtful, 100u);
}

TEST(Assignment, TooManyWaysAreDoubtNotTime) {
  World world{std::vector<int>(400, 1), {std::vector<int>(100, 1), std::vector<int>(100, 1)}};
  EXPECT_EQ(world.solve().doubtful.size(), 400u);
}

} // namespace
} // namespace recast::format::deepspeed
