// Items of digit ranges as a tree, one level per digit: siblings are the different ranges of a
// digit under one choice of the digits before, sorted. A regular grid becomes its cut lists, so
// that two grids meet cut against cut; plain intervals become one sorted list. Private to this
// folder.
#pragma once

#include "runtime/layout/Digits.h"

#include <functional>

namespace recast::layout {

class RangeTree {
public:
  explicit RangeTree(const DigitRanges &ranges);

  struct Node {
    int64_t lo = 0, hi = 0;
    int64_t maxHi = 0;            ///< Largest `hi` of this and the siblings before it.
    uint32_t first = 0, last = 0; ///< Children in the next level; for the last level, in `order`.
  };

  /// Nodes of each level; those of level 0 are all siblings.
  std::vector<std::vector<Node>> levels;
  /// Items so that those under one node of the last level (equal ranges) are neighbours.
  std::vector<uint32_t> order;
};

/// Calls `visit(a, b, lo, hi)` for each item a of `left` and b of `right` that share elements, with
/// the digit ranges they share; stops at its first error. Cost: pairs found, plus the shorter of
/// two sibling lists times a logarithm.
using VisitPair =
    std::function<Status(uint32_t a, uint32_t b, const int64_t *lo, const int64_t *hi)>;
Status joinTrees(const RangeTree &left, const RangeTree &right, const VisitPair &visit);

} // namespace recast::layout
