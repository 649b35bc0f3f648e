#include "runtime/layout/Nest.h"

#include "runtime/base/Checked.h"

#include <algorithm>

namespace recast::layout {

int64_t spanOf(std::span<const NestDim> dims) {
  int64_t span = 1;
  for (const NestDim &dim : dims)
    span += (dim.extent - 1) * dim.stride;
  return span;
}

namespace {

class Cutter {
public:
  Cutter(std::span<const NestDim> dims, int64_t lo, int64_t hi) : dims_(dims), lo_(lo), hi_(hi) {
    box_.resize(dims.size());
  }

  // Dimensions before `depth` are fixed in box_; `base` is the position of their first element.
  void cut(size_t depth, int64_t base) {
    int64_t span = spanOf(dims_.subspan(depth));
    if (base >= hi_ || base + span <= lo_)
      return;
    if (base >= lo_ && base + span <= hi_) {
      emit(depth);
      return;
    }
    // Not inside and not outside: more than one element is left, so there is a dimension.
    auto [extent, stride] = dims_[depth];
    int64_t inner = spanOf(dims_.subspan(depth + 1));
    // [first, last): indices whose whole inner nest lies inside.
    int64_t first = lo_ > base ? ceilDiv(lo_ - base, stride) : 0;
    int64_t room = hi_ - inner - base;
    int64_t last = room < 0 ? 0 : std::min(room / stride + 1, extent);
    if (first > 0)
      descend(depth, base, first - 1);
    if (first < last) {
      box_[depth] = {first, last};
      emit(depth + 1);
    }
    int64_t after = std::max(first, last);
    if (after < extent)
      descend(depth, base, after);
  }

  std::vector<IndexBox> out;

private:
  void descend(size_t depth, int64_t base, int64_t index) {
    box_[depth] = {index, index + 1};
    cut(depth + 1, base + index * dims_[depth].stride);
  }

  void emit(size_t from) {
    for (size_t i = from; i < dims_.size(); ++i)
      box_[i] = {0, dims_[i].extent};
    out.push_back(box_);
  }

  std::span<const NestDim> dims_;
  int64_t lo_, hi_;
  IndexBox box_;
};

} // namespace

std::vector<IndexBox> cutInterval(std::span<const NestDim> dims, int64_t base, int64_t lo,
                                  int64_t hi) {
  if (lo >= hi)
    return {};
  Cutter cutter(dims, lo, hi);
  cutter.cut(0, base);
  return std::move(cutter.out);
}

std::optional<int64_t> nextPosition(std::span<const NestDim> dims, int64_t base, int64_t lo) {
  if (lo <= base)
    return base;
  if (dims.empty())
    return std::nullopt;
  auto [extent, stride] = dims.front();
  int64_t index = std::min((lo - base) / stride, extent - 1);
  if (auto inside = nextPosition(dims.subspan(1), base + index * stride, lo))
    return inside;
  if (index + 1 < extent)
    return base + (index + 1) * stride;
  return std::nullopt;
}

} // namespace recast::layout
