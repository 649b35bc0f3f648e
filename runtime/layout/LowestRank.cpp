// Which of several holders is read: the lowest rank, element by element. Replicas are mostly equal
// boxes; those that overlap otherwise (flat intervals of replicas in buffers of unequal length) are
// cut at each other's ends.
#include "runtime/layout/RangeTree.h"

#include <algorithm>

namespace recast::layout {

namespace {

/// A box and the item whose elements it takes.
struct Slice {
  std::vector<int64_t> lo, hi;
  uint32_t item = 0;
};

class Slicer {
public:
  explicit Slicer(const DigitBoxes &boxes) : boxes_(boxes) {}

  // The ranges of `items` from `level` on, cut so that each piece has one winner.
  std::vector<Slice> slice(std::vector<uint32_t> items, size_t level) const {
    size_t levels = boxes_.ranges.levels;
    if (items.size() == 1 || level == levels) {
      auto lowest =
          std::ranges::min_element(items, {}, [&](uint32_t i) { return boxes_.ranks[i]; });
      const int64_t *lo = boxes_.ranges.loOf(*lowest), *hi = boxes_.ranges.hiOf(*lowest);
      return {{{lo, lo + levels}, {hi, hi + levels}, *lowest}};
    }
    std::vector<int64_t> cuts;
    for (uint32_t item : items) {
      cuts.push_back(loAt(item, level));
      cuts.push_back(hiAt(item, level));
    }
    std::ranges::sort(cuts);
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    std::ranges::sort(items, {}, [&](uint32_t item) { return loAt(item, level); });

    std::vector<Slice> out, previous;
    std::vector<uint32_t> active;
    size_t next = 0;
    for (size_t c = 0; c + 1 < cuts.size(); ++c) {
      std::erase_if(active, [&](uint32_t item) { return hiAt(item, level) <= cuts[c]; });
      while (next < items.size() && loAt(items[next], level) <= cuts[c])
        active.push_back(items[next++]);
      if (active.empty()) {
        flush(previous, out);
        continue;
      }
      std::vector<Slice> here = slice(active, level + 1);
      if (sameBelow(previous, here, level + 1)) {
        for (Slice &one : previous)
          one.hi[level] = cuts[c + 1];
        continue;
      }
      flush(previous, out);
      for (Slice &one : here) {
        one.lo[level] = cuts[c];
        one.hi[level] = cuts[c + 1];
      }
      previous = std::move(here);
    }
    flush(previous, out);
    return out;
  }

private:
  int64_t loAt(uint32_t item, size_t level) const { return boxes_.ranges.loOf(item)[level]; }
  int64_t hiAt(uint32_t item, size_t level) const { return boxes_.ranges.hiOf(item)[level]; }

  static void flush(std::vector<Slice> &from, std::vector<Slice> &to) {
    std::ranges::move(from, std::back_inserter(to));
    from.clear();
  }

  static bool sameBelow(const std::vector<Slice> &a, const std::vector<Slice> &b, size_t level) {
    return std::ranges::equal(a, b, [level](const Slice &x, const Slice &y) {
      return x.item == y.item &&
             std::equal(x.lo.begin() + level, x.lo.end(), y.lo.begin() + level) &&
             std::equal(x.hi.begin() + level, x.hi.end(), y.hi.begin() + level);
    });
  }

  const DigitBoxes &boxes_;
};

void appendItem(const DigitBoxes &from, uint32_t item, const int64_t *lo, const int64_t *hi,
                DigitBoxes &to) {
  size_t levels = from.ranges.levels;
  const int64_t *steps = from.steps.data() + item * levels;
  int64_t offset = from.offsets[item];
  for (size_t level = 0; level < levels; ++level)
    offset += (lo[level] - from.ranges.loOf(item)[level]) * steps[level];
  to.ranges.levels = levels;
  to.ranges.append(lo, hi);
  to.ranks.push_back(from.ranks[item]);
  to.offsets.push_back(offset);
  to.steps.insert(to.steps.end(), steps, steps + levels);
}

// Of items with equal ranges, the one of the lowest rank.
DigitBoxes withoutEqual(const DigitBoxes &boxes, const RangeTree &tree) {
  DigitBoxes out;
  for (const RangeTree::Node &leaf : tree.levels.back()) {
    uint32_t lowest = tree.order[leaf.first];
    for (uint32_t i = leaf.first; i < leaf.last; ++i)
      if (boxes.ranks[tree.order[i]] < boxes.ranks[lowest])
        lowest = tree.order[i];
    appendItem(boxes, lowest, boxes.ranges.loOf(lowest), boxes.ranges.hiOf(lowest), out);
  }
  return out;
}

} // namespace

Status keepLowestRank(DigitBoxes &boxes) {
  if (boxes.size() < 2)
    return {};
  DigitBoxes unique = withoutEqual(boxes, RangeTree(boxes.ranges));
  RangeTree tree(unique.ranges);
  std::vector<bool> shared(unique.size());
  RECAST_TRY(joinTrees(tree, tree, [&](uint32_t a, uint32_t b, auto, auto) -> Status {
    if (a != b)
      shared[a] = shared[b] = true;
    return {};
  }));
  DigitBoxes out;
  std::vector<uint32_t> overlapping;
  for (uint32_t i = 0; i < unique.size(); ++i) {
    if (shared[i])
      overlapping.push_back(i);
    else
      appendItem(unique, i, unique.ranges.loOf(i), unique.ranges.hiOf(i), out);
  }
  if (!overlapping.empty())
    for (const Slice &one : Slicer(unique).slice(std::move(overlapping), 0))
      appendItem(unique, one.item, one.lo.data(), one.hi.data(), out);
  boxes = std::move(out);
  return {};
}

} // namespace recast::layout
