// Boxes of several layouts written in one mixed-radix digit system of the logical index, in which
// each is a range per digit: then two boxes intersect digit by digit. Private to this folder.
#pragma once

#include "runtime/layout/Pieces.h"

#include <vector>

namespace recast::layout {

/// Digit k of position p is `p % strides[k - 1] / strides[k]` (the first one is unbounded).
/// Falling; each stride divides the one before; the last is 1.
using DigitStrides = std::vector<int64_t>;

/// Ranges of digits, `levels` of them per item, most significant first.
struct DigitRanges {
  size_t levels = 0;
  std::vector<int64_t> lo, hi; ///< Item i has [i * levels, (i + 1) * levels).

  size_t size() const { return levels ? lo.size() / levels : 0; }
  const int64_t *loOf(size_t item) const { return lo.data() + item * levels; }
  const int64_t *hiOf(size_t item) const { return hi.data() + item * levels; }
  void append(const int64_t *itemLo, const int64_t *itemHi) {
    lo.insert(lo.end(), itemLo, itemLo + levels);
    hi.insert(hi.end(), itemHi, itemHi + levels);
  }
};

/// One operand's elements of one part: where item i lies in the buffer of `ranks[i]`: its first
/// element at `offsets[i]`, a step of digit k further by `steps[i * levels + k]`.
struct DigitBoxes {
  DigitRanges ranges;
  std::vector<int64_t> ranks, offsets, steps;

  size_t size() const { return ranks.size(); }
};

/// Logical stride and stored stride positive and nested, extents positive, offsets in range.
Status checkPiece(const Piece &piece);

/// A digit system for all `logicalStrides` of dimensions of pieces that end before `end`. Strides
/// that neither divide nor are multiples (axes factored in two ways) meet at their least common
/// multiple, so that only one period of them must be listed element by element.
DigitStrides digitsFor(std::vector<int64_t> logicalStrides, int64_t end);

/// Appends `piece` of `rank` to `out`: one box where strides are digits and it ends on their
/// boundaries, else head, middle and tail for each digit.
Status appendDigits(const DigitStrides &digits, const Piece &piece, int64_t rank, DigitBoxes &out);

/// Of elements that several ranks hold, keeps those of the lowest rank.
Status keepLowestRank(DigitBoxes &boxes);

} // namespace recast::layout
