// Which items each worker does next: all of them, once, and shares that let workers end together.
#include "runtime/exec/Shares.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <latch>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace recast::exec {
namespace {

struct Work {
  std::vector<uint64_t> items;
  Shares shares(unsigned workers, bool single = false) const {
    return {items.size(), workers, single, [this](size_t item) { return items[item]; }};
  }
  uint64_t of(size_t begin, size_t end) const {
    return std::accumulate(items.begin() + static_cast<ptrdiff_t>(begin),
                           items.begin() + static_cast<ptrdiff_t>(end), uint64_t{0});
  }
  /// When the last of workers ends that take a share whenever they have done theirs, all equally
  /// fast.
  uint64_t lastEnd(unsigned workers) const {
    Shares all = shares(workers);
    std::vector<uint64_t> at(workers);
    for (;;) {
      auto first = std::ranges::min_element(at);
      Shares::Items taken = all.take();
      if (taken.begin == taken.end)
        return *std::ranges::max_element(at);
      *first += of(taken.begin, taken.end);
    }
  }
};

TEST(Shares, EveryItemOnceAndInOrder) {
  std::mt19937 random(1);
  for (size_t items : {0, 1, 2, 7, 100, 1000})
    for (unsigned workers : {1u, 2u, 3u, 64u})
      for (bool single : {false, true}) {
        Work work;
        for (size_t i = 0; i < items; ++i)
          work.items.push_back(random() % 5);
        Shares all = work.shares(workers, single);
        size_t next = 0;
        for (auto taken = all.take(); taken.begin < taken.end; taken = all.take()) {
          ASSERT_EQ(taken.begin, next);
          if (single) {
            ASSERT_EQ(taken.end, next + 1);
          }
          // One item, or as many as are half of a worker's part of what is left, and not fewer.
          const uint64_t left = work.of(next, items);
          ASSERT_TRUE(taken.end == next + 1 || work.of(next, taken.end) * 2 * workers <= left);
          ASSERT_TRUE(single || taken.end == items ||
                      work.of(next, taken.end + 1) > left / (2 * workers));
          next = taken.end;
        }
        EXPECT_EQ(next, items);
        EXPECT_EQ(all.take().begin, items);
        EXPECT_EQ(all.take().end, items);
      }
}

TEST(Shares, SmallItemsBehindLargeOnes) {
  // Few large tensors and a small file for each parameter: counted by items, a worker was left with
  // up to 56 ms of work of 350 when the other had ended.
  Work work;
  work.items.assign(150, 4096);
  work.items.insert(work.items.end(), 100, 1);
  for (unsigned workers : {2u, 4u, 16u})
    EXPECT_LE(work.lastEnd(workers), work.of(0, 250) / workers + 4096) << workers;
}

TEST(Shares, WorkersEndTogether) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    Work work;
    work.items.assign(50 + random() % 100, 1000);
    for (size_t i = 0, small = 200 + random() % 800; i < small; ++i)
      work.items.push_back(1 + random() % 10);
    for (unsigned workers : {2u, 3u, 8u})
      ASSERT_LE(work.lastEnd(workers), work.of(0, work.items.size()) / workers + 1000);
  }
}

TEST(Shares, FromManyThreads) {
  Work work;
  work.items.assign(200000, 3);
  Shares all = work.shares(4, true);
  std::vector<std::atomic<int>> seen(work.items.size());
  std::latch together(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      together.arrive_and_wait();
      for (auto taken = all.take(); taken.begin < taken.end; taken = all.take())
        ++seen[taken.begin];
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_TRUE(std::ranges::all_of(seen, [](const std::atomic<int> &n) { return n == 1; }));
}

} // namespace
} // namespace recast::exec
