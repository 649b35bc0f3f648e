#include "runtime/plan/CellRuns.h"

#include <algorithm>
#include <queue>

namespace recast::plan {
namespace {

/// Steps through the runs of one cell in ascending logical order.
class CellCursor {
public:
  explicit CellCursor(const layout::Cell &cell) : logical_(cell.logicalOffset) {
    for (size_t d = 0; d < cell.extents.size(); ++d) {
      if (cell.extents[d] == 1)
        continue;
      Dim dim{cell.extents[d], 0, cell.logicalStrides[d], {}};
      for (const layout::CellAddress &at : cell.at)
        dim.strides.push_back(at.strides[d]);
      dims_.push_back(std::move(dim));
    }
    std::sort(dims_.begin(), dims_.end(),
              [](const Dim &a, const Dim &b) { return a.logicalStride > b.logicalStride; });
    for (const layout::CellAddress &at : cell.at)
      places_.push_back({at.rank, at.offset});
    while (!dims_.empty() && continuesRun(dims_.back())) {
      count_ *= dims_.back().extent;
      dims_.pop_back();
    }
  }

  int64_t logical() const { return logical_; }
  int64_t count() const { return count_; }
  std::span<const RunPlace> places() const { return places_; }

  /// To the next run; false after the last one.
  bool advance() {
    for (size_t d = dims_.size(); d-- > 0;) {
      Dim &dim = dims_[d];
      bool carry = ++dim.index == dim.extent;
      int64_t steps = carry ? 1 - dim.extent : 1;
      logical_ += steps * dim.logicalStride;
      for (size_t i = 0; i < places_.size(); ++i)
        places_[i].offset += steps * dim.strides[i];
      if (!carry)
        return true;
      dim.index = 0;
    }
    return false;
  }

private:
  struct Dim {
    int64_t extent, index, logicalStride;
    std::vector<int64_t> strides; ///< One per operand.
  };

  bool continuesRun(const Dim &dim) const {
    return dim.logicalStride == count_ &&
           std::all_of(dim.strides.begin(), dim.strides.end(),
                       [this](int64_t stride) { return stride == count_; });
  }

  int64_t logical_, count_ = 1;
  std::vector<Dim> dims_; ///< Outer first; what is left after the contiguous inner ones.
  std::vector<RunPlace> places_;
};

} // namespace

Status walkCells(std::span<const layout::Cell> cells, const PlaceVisitor &visit) {
  struct Active {
    CellCursor cursor;
    size_t order; ///< Copies of the same elements come out in the order of the cells.
  };
  auto later = [](const Active &a, const Active &b) {
    return std::pair(a.cursor.logical(), a.order) > std::pair(b.cursor.logical(), b.order);
  };
  std::vector<Active> heap;
  size_t next = 0;
  while (next < cells.size() || !heap.empty()) {
    // A cell starts when the walk reaches its first element, so few are open at a time.
    while (next < cells.size() &&
           (heap.empty() || cells[next].logicalOffset <= heap.front().cursor.logical())) {
      heap.push_back({CellCursor(cells[next]), next});
      std::push_heap(heap.begin(), heap.end(), later);
      ++next;
    }
    std::pop_heap(heap.begin(), heap.end(), later);
    CellCursor &cursor = heap.back().cursor;
    RECAST_TRY(visit(cursor.logical(), cursor.count(), cursor.places()));
    if (cursor.advance())
      std::push_heap(heap.begin(), heap.end(), later);
    else
      heap.pop_back();
  }
  return {};
}

namespace {
std::vector<BoxDim> mergedDims(const layout::Cell &cell) {
  std::vector<BoxDim> dims;
  for (size_t d = 0; d < cell.extents.size(); ++d) {
    if (cell.extents[d] == 1)
      continue;
    BoxDim dim{cell.extents[d], cell.logicalStrides[d], {}};
    for (const layout::CellAddress &at : cell.at)
      dim.strides.push_back(at.strides[d]);
    dims.push_back(std::move(dim));
  }
  std::sort(dims.begin(), dims.end(),
            [](const BoxDim &a, const BoxDim &b) { return a.logicalStride > b.logicalStride; });
  for (size_t d = dims.size(); d-- > 1;) {
    BoxDim &outer = dims[d - 1];
    const BoxDim &inner = dims[d];
    bool one = outer.logicalStride == inner.extent * inner.logicalStride;
    for (size_t i = 0; i < inner.strides.size(); ++i)
      one &= outer.strides[i] == inner.extent * inner.strides[i];
    if (!one)
      continue;
    int64_t extent = outer.extent * inner.extent;
    outer = inner;
    outer.extent = extent;
    dims.erase(dims.begin() + static_cast<ptrdiff_t>(d));
  }
  auto isOne = [](int64_t stride) { return stride == 1; };
  if (dims.size() == 1 && dims[0].logicalStride == 1 &&
      std::all_of(dims[0].strides.begin(), dims[0].strides.end(), isOne))
    dims.clear();
  return dims;
}
} // namespace

Status walkBoxes(std::span<const layout::Cell> cells, const BoxVisitor &visit) {
  std::vector<RunPlace> places;
  for (const layout::Cell &cell : cells) {
    places.clear();
    for (const layout::CellAddress &at : cell.at)
      places.push_back({at.rank, at.offset});
    RECAST_TRY(visit(cell.logicalOffset, cell.elementCount(), places, mergedDims(cell)));
  }
  return {};
}

bool asIntervals(const layout::Operand &operand, std::vector<Interval> &out) {
  out.clear();
  bool sorted = true;
  for (const layout::Fragment &fragment : operand.fragments) {
    for (const layout::Piece &piece : fragment.pieces) {
      int64_t count = 1;
      for (size_t d = piece.dims.size(); d-- > 0;) {
        const layout::BoxDim &dim = piece.dims[d];
        if (dim.extent == 1)
          continue;
        if (dim.logicalStride != count || dim.storedStride != count)
          return false;
        count *= dim.extent;
      }
      if (piece.part != 0)
        return false;
      sorted &= out.empty() || out.back().end <= piece.logicalOffset;
      out.push_back(
          {piece.logicalOffset, piece.logicalOffset + count, {fragment.rank, piece.storedOffset}});
    }
  }
  if (sorted)
    return true;
  std::sort(out.begin(), out.end(), [](const Interval &a, const Interval &b) {
    return std::tie(a.begin, a.end, a.place.rank) < std::tie(b.begin, b.end, b.place.rank);
  });
  if (operand.holders == layout::Holders::First) {
    auto same = [](const Interval &a, const Interval &b) {
      return a.begin == b.begin && a.end == b.end;
    };
    out.erase(std::unique(out.begin(), out.end(), same), out.end());
  }
  return std::adjacent_find(out.begin(), out.end(), [](const Interval &a, const Interval &b) {
           return b.begin < a.end;
         }) == out.end();
}

Status IntervalSweep::walk(std::span<const std::vector<Interval>> operands,
                           const PlaceVisitor &visit) {
  at_.assign(operands.size(), 0);
  places_.resize(operands.size());
  while (true) {
    int64_t begin = 0, end = INT64_MAX;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (at_[i] == operands[i].size())
        return {};
      begin = std::max(begin, operands[i][at_[i]].begin);
      end = std::min(end, operands[i][at_[i]].end);
    }
    if (begin < end) {
      for (size_t i = 0; i < operands.size(); ++i) {
        const Interval &interval = operands[i][at_[i]];
        places_[i] = {interval.place.rank, interval.place.offset + (begin - interval.begin)};
      }
      RECAST_TRY(visit(begin, end - begin, places_));
    }
    for (size_t i = 0; i < operands.size(); ++i)
      if (operands[i][at_[i]].end == end)
        ++at_[i];
  }
}

} // namespace recast::plan
