#include "runtime/layout/Digits.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/Nest.h"

#include <algorithm>
#include <numeric>

namespace recast::layout {

Status checkPiece(const Piece &piece) {
  int64_t span = 1;
  for (size_t i = piece.dims.size(); i-- > 0;) {
    const BoxDim &dim = piece.dims[i];
    auto reach = checkedMul(dim.extent - 1, dim.logicalStride);
    auto next = reach ? checkedAdd(span, *reach) : std::nullopt;
    if (dim.extent < 1 || dim.logicalStride < span || !next)
      return internal("a piece has dimensions that are not nested in logical order");
    span = *next;
  }
  if (piece.logicalOffset < 0 || !checkedAdd(piece.logicalOffset, span))
    return internal("a piece starts outside its tensor");
  return {};
}

DigitStrides digitsFor(std::vector<int64_t> logicalStrides, int64_t end) {
  std::ranges::sort(logicalStrides);
  DigitStrides digits = {1};
  for (int64_t stride : logicalStrides) {
    auto meet = checkedMul(stride / std::gcd(stride, digits.back()), digits.back());
    if (meet && *meet < end && *meet != digits.back())
      digits.push_back(*meet);
  }
  std::ranges::reverse(digits);
  return digits;
}

namespace {

class Digitizer {
public:
  Digitizer(const DigitStrides &digits, int64_t rank, DigitBoxes &out)
      : digits_(digits), rank_(rank), out_(out), lo_(digits.size()), hi_(digits.size()),
        steps_(digits.size()) {}

  // The box `dims` at position `at` inside the digits already set (those before `level`).
  Status add(size_t level, int64_t at, int64_t stored, std::span<const BoxDim> dims) {
    if (level == digits_.size())
      return emit(stored);
    int64_t digit = digits_[level], inside = at % digit;
    if (inside + spanOf(logicalNest(dims)) <= digit) {
      set(level, at / digit, 1, 0);
      return add(level + 1, inside, stored, dims);
    }
    // It reaches into another digit, so it has a dimension.
    const BoxDim &outer = dims.front();
    std::span<const BoxDim> inner = dims.subspan(1);
    if (digit % outer.logicalStride != 0) {
      for (int64_t i = 0; i < outer.extent; ++i)
        RECAST_TRY(
            add(level, at + i * outer.logicalStride, stored + i * outer.storedStride, inner));
      return {};
    }
    int64_t phase = at % outer.logicalStride;
    if (phase + spanOf(logicalNest(inner)) > outer.logicalStride)
      return addStraddling(level, at, stored, dims, outer.logicalStride - phase);
    return addPeriods(level, at, stored, dims);
  }

private:
  static std::vector<NestDim> logicalNest(std::span<const BoxDim> dims) {
    std::vector<NestDim> nest;
    for (const BoxDim &dim : dims)
      nest.push_back({dim.extent, dim.logicalStride});
    return nest;
  }

  // The inner box crosses a multiple of the outer stride, `border` after its start: cut it there.
  Status addStraddling(size_t level, int64_t at, int64_t stored, std::span<const BoxDim> dims,
                       int64_t border) {
    std::vector<NestDim> nest = logicalNest(dims.subspan(1));
    for (auto [lo, hi] : {Range{0, border}, Range{border, border + dims.front().logicalStride}}) {
      for (const IndexBox &cut : cutInterval(nest, 0, lo, hi)) {
        std::vector<BoxDim> part(dims.begin(), dims.end());
        int64_t partAt = at, partStored = stored;
        for (size_t i = 0; i < cut.size(); ++i) {
          BoxDim &dim = part[i + 1];
          partAt += cut[i].begin * dim.logicalStride;
          partStored += cut[i].begin * dim.storedStride;
          dim.extent = cut[i].end - cut[i].begin;
        }
        std::erase_if(part, [](const BoxDim &dim) { return dim.extent == 1; });
        RECAST_TRY(add(level, partAt, partStored, part));
      }
    }
    return {};
  }

  // `outer` steps evenly through this digit: what is left of the first period, whole periods (all
  // alike, hence one range), what is left over.
  Status addPeriods(size_t level, int64_t at, int64_t stored, std::span<const BoxDim> dims) {
    int64_t digit = digits_[level];
    BoxDim outer = dims.front();
    int64_t period = digit / outer.logicalStride;
    int64_t at0 = at % digit / outer.logicalStride; // in the first period
    int64_t head = at0 == 0 ? 0 : std::min(outer.extent, period - at0);
    int64_t middle = (outer.extent - head) / period;
    int64_t tail = outer.extent - head - middle * period;
    struct Run {
      int64_t first, length, repeat;
    };
    for (auto [first, length, repeat] :
         {Run{0, head, 1}, Run{head, period, middle}, Run{head + middle * period, tail, 1}}) {
      if (length == 0 || repeat == 0)
        continue;
      int64_t runAt = at + first * outer.logicalStride;
      set(level, runAt / digit, repeat, repeat > 1 ? period * outer.storedStride : 0);
      std::vector<BoxDim> inner(dims.begin(), dims.end());
      inner.front().extent = length;
      if (length == 1)
        inner.erase(inner.begin());
      RECAST_TRY(add(level + 1, runAt % digit, stored + first * outer.storedStride, inner));
    }
    return {};
  }

  void set(size_t level, int64_t from, int64_t count, int64_t step) {
    lo_[level] = from;
    hi_[level] = from + count;
    steps_[level] = step;
  }

  Status emit(int64_t stored) {
    if (out_.size() == kMaxItems)
      return badInput("two layouts factor their axes so differently that they meet only in tiny "
                      "boxes, too many to list");
    out_.ranges.append(lo_.data(), hi_.data());
    out_.ranks.push_back(rank_);
    out_.offsets.push_back(stored);
    out_.steps.insert(out_.steps.end(), steps_.begin(), steps_.end());
    return {};
  }

  struct Range {
    int64_t lo, hi;
  };

  const DigitStrides &digits_;
  int64_t rank_;
  DigitBoxes &out_;
  std::vector<int64_t> lo_, hi_, steps_;
};

} // namespace

Status appendDigits(const DigitStrides &digits, const Piece &piece, int64_t rank, DigitBoxes &out) {
  out.ranges.levels = digits.size();
  std::vector<BoxDim> dims = piece.dims;
  std::erase_if(dims, [](const BoxDim &dim) { return dim.extent == 1; });
  return Digitizer(digits, rank, out).add(0, piece.logicalOffset, piece.storedOffset, dims);
}

} // namespace recast::layout
