#include "runtime/layout/RangeTree.h"

#include <algorithm>
#include <numeric>

namespace recast::layout {

RangeTree::RangeTree(const DigitRanges &ranges) : levels(ranges.levels), order(ranges.size()) {
  std::iota(order.begin(), order.end(), 0u);
  auto before = [&](uint32_t a, uint32_t b) {
    for (size_t level = 0; level < ranges.levels; ++level) {
      if (auto x = ranges.loOf(a)[level], y = ranges.loOf(b)[level]; x != y)
        return x < y;
      if (auto x = ranges.hiOf(a)[level], y = ranges.hiOf(b)[level]; x != y)
        return x < y;
    }
    return a < b;
  };
  if (!std::ranges::is_sorted(order, before))
    std::ranges::sort(order, before);

  for (uint32_t at = 0; at < order.size(); ++at) {
    const int64_t *lo = ranges.loOf(order[at]), *hi = ranges.hiOf(order[at]);
    // The first level on which this item leaves the path of the one before it.
    size_t split = 0;
    while (at > 0 && split < levels.size() && levels[split].back().lo == lo[split] &&
           levels[split].back().hi == hi[split])
      ++split;
    for (size_t level = split; level < levels.size(); ++level) {
      auto &nodes = levels[level];
      bool sibling = level == split && at > 0;
      uint32_t child = level + 1 < levels.size() ? levels[level + 1].size() : at;
      int64_t maxHi = sibling ? std::max(nodes.back().maxHi, hi[level]) : hi[level];
      nodes.push_back({lo[level], hi[level], maxHi, child, child});
    }
    for (size_t level = 0; level < levels.size(); ++level)
      levels[level].back().last = level + 1 < levels.size() ? levels[level + 1].size() : at + 1;
  }
}

namespace {

class Join {
public:
  Join(const RangeTree &left, const RangeTree &right, const VisitPair &visit)
      : left_(left), right_(right), visit_(visit), lo_(left.levels.size()),
        hi_(left.levels.size()) {}

  struct Siblings {
    const std::vector<RangeTree::Node> &nodes;
    uint32_t first, last;
    uint32_t size() const { return last - first; }
  };

  Status siblings(size_t level, Siblings left, Siblings right) {
    bool swapped = right.size() < left.size();
    const Siblings &few = swapped ? right : left, &many = swapped ? left : right;
    uint32_t from = many.first;
    for (uint32_t i = few.first; i < few.last; ++i) {
      const RangeTree::Node &one = few.nodes[i];
      from = firstReaching(many, from, one.lo);
      for (uint32_t k = from; k < many.last && many.nodes[k].lo < one.hi; ++k) {
        const RangeTree::Node &other = many.nodes[k];
        if (other.hi <= one.lo)
          continue;
        lo_[level] = std::max(one.lo, other.lo);
        hi_[level] = std::min(one.hi, other.hi);
        RECAST_TRY(swapped ? children(level, other, one) : children(level, one, other));
      }
    }
    return {};
  }

private:
  Status children(size_t level, const RangeTree::Node &a, const RangeTree::Node &b) {
    if (level + 1 < left_.levels.size())
      return siblings(level + 1, {left_.levels[level + 1], a.first, a.last},
                      {right_.levels[level + 1], b.first, b.last});
    for (uint32_t i = a.first; i < a.last; ++i)
      for (uint32_t k = b.first; k < b.last; ++k)
        RECAST_TRY(visit_(left_.order[i], right_.order[k], lo_.data(), hi_.data()));
    return {};
  }

  // The first node from `from` on that it, or one before it, ends behind `lo`. Steps grow from the
  // last answer, so that two lists of like length are merged in linear time.
  static uint32_t firstReaching(const Siblings &list, uint32_t from, int64_t lo) {
    uint32_t step = 1, end = from;
    while (end < list.last && list.nodes[end].maxHi <= lo) {
      from = end + 1;
      end += std::min(step, list.last - end);
      step *= 2;
    }
    auto begin = list.nodes.begin();
    return std::partition_point(begin + from, begin + end,
                                [lo](const RangeTree::Node &node) { return node.maxHi <= lo; }) -
           begin;
  }

  const RangeTree &left_, &right_;
  const VisitPair &visit_;
  std::vector<int64_t> lo_, hi_;
};

} // namespace

Status joinTrees(const RangeTree &left, const RangeTree &right, const VisitPair &visit) {
  if (left.levels.empty() || left.order.empty() || right.order.empty())
    return {};
  uint32_t leftRoots = left.levels.front().size(), rightRoots = right.levels.front().size();
  return Join(left, right, visit)
      .siblings(0, {left.levels.front(), 0, leftRoots}, {right.levels.front(), 0, rightRoots});
}

} // namespace recast::layout
