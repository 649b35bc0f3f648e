// A strided box as one operand sees it: the contiguous segments it is made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace recast::layout {

struct StridedDim {
  int64_t extent = 1, stride = 1; ///< Both at least 1; strides in elements.
};

/// Elements from the first to the last of a box, both included.
int64_t spanOfBox(std::span<const StridedDim> dims);

/// Walks the maximal contiguous segments of a box in ascending order, without a list of them.
/// Dimensions come in any order; each stride is at least the span of the dimensions with smaller
/// ones, so positions never collide.
class Segments {
public:
  explicit Segments(std::span<const StridedDim> dims);

  int64_t offset() const { return offset_; } ///< Of the current segment, in elements.
  int64_t count() const { return count_; }   ///< Elements of each segment.
  int64_t number() const { return number_; } ///< How many there are.
  /// To the next one; false after the last.
  bool advance();

private:
  struct Step {
    StridedDim dim;
    int64_t index = 0;
  };
  std::vector<Step> steps_; ///< Falling stride; what is left after the contiguous inner ones.
  int64_t offset_ = 0, count_ = 1, number_ = 1;
};

/// Dimensions in order of falling stride, as indices.
std::vector<size_t> strideOrder(std::span<const StridedDim> dims);

} // namespace recast::layout
