// From the cells of an overlay (strided boxes) to contiguous runs, in logical order and without a
// list of them: a cell of 10^6 rows is walked, not stored.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/layout/Pieces.h"

#include <functional>
#include <span>

namespace recast::plan {

/// Where a run lies in one operand: element `offset` of `rank`'s buffer.
struct RunPlace {
  int64_t rank = 0;
  int64_t offset = 0;
};
using PlaceVisitor =
    std::function<Status(int64_t logicalOffset, int64_t count, std::span<const RunPlace>)>;

/// Interleaved cells (rows of one between rows of another) are merged, so that runs ascend.
Status walkCells(std::span<const layout::Cell> cells, const PlaceVisitor &visit);

/// A dimension of a box that is contiguous in no common order.
struct BoxDim {
  int64_t extent = 1, logicalStride = 1;
  std::vector<int64_t> strides; ///< One per operand, in elements.
};
/// `dims`: logical order, outer first; empty where all operands are contiguous.
using BoxVisitor = std::function<Status(int64_t logicalOffset, int64_t count,
                                        std::span<const RunPlace>, std::span<const BoxDim> dims)>;

/// Cell by cell, each as one box with as few dimensions as say it.
Status walkBoxes(std::span<const layout::Cell> cells, const BoxVisitor &visit);

/// One contiguous interval of a member in one operand.
struct Interval {
  int64_t begin = 0, end = 0; ///< Logical elements.
  RunPlace place;             ///< Of `begin`.
};

/// The intervals of an operand, ascending and disjoint, if all its pieces are contiguous both
/// logically and in store; false if they are not, or if they overlap in a way that needs an
/// overlay. Equal intervals on several ranks count as the lowest one for Holders::First.
bool asIntervals(const layout::Operand &operand, std::vector<Interval> &out);

/// The same as an overlay of one-dimensional operands, by one sweep. Keeps its memory from walk to
/// walk: there is one per member.
class IntervalSweep {
public:
  Status walk(std::span<const std::vector<Interval>> operands, const PlaceVisitor &visit);

private:
  std::vector<size_t> at_; ///< The current interval of each operand.
  std::vector<RunPlace> places_;
};

} // namespace recast::plan
