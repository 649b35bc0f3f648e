#include "runtime/layout/Segments.h"

#include <algorithm>
#include <numeric>

namespace recast::layout {

int64_t spanOfBox(std::span<const StridedDim> dims) {
  int64_t span = 1;
  for (const StridedDim &dim : dims)
    span += (dim.extent - 1) * dim.stride;
  return span;
}

std::vector<size_t> strideOrder(std::span<const StridedDim> dims) {
  std::vector<size_t> order(dims.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(dims[b].stride, a) < std::pair(dims[a].stride, b);
  });
  return order;
}

Segments::Segments(std::span<const StridedDim> dims) {
  for (size_t d : strideOrder(dims))
    if (dims[d].extent > 1)
      steps_.push_back({dims[d]});
  while (!steps_.empty() && steps_.back().dim.stride == count_) {
    count_ *= steps_.back().dim.extent;
    steps_.pop_back();
  }
  for (const Step &step : steps_)
    number_ *= step.dim.extent;
}

bool Segments::advance() {
  for (size_t d = steps_.size(); d-- > 0;) {
    Step &step = steps_[d];
    bool carry = ++step.index == step.dim.extent;
    offset_ += (carry ? 1 - step.dim.extent : 1) * step.dim.stride;
    if (!carry)
      return true;
    step.index = 0;
  }
  return false;
}

} // namespace recast::layout
