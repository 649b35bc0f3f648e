#include "runtime/layout/PackedBytes.h"

#include <algorithm>

namespace recast::layout {

bool elementsToBytes(unsigned bits, std::span<int64_t *const> numbers,
                     std::span<const AxisInPlace> axes) {
  auto whole = [bits](int64_t *elements) {
    int64_t all = *elements * bits; // Of places inside a file: it fits.
    *elements = all / 8;
    return all % 8 == 0;
  };
  auto inner = std::find_if(axes.begin(), axes.end(), [](const AxisInPlace &axis) {
    return *axis.extent > 1 && std::all_of(axis.strides.begin(), axis.strides.end(),
                                           [](const int64_t *stride) { return *stride == 1; });
  });
  if (inner == axes.end() || !whole(inner->extent) ||
      !std::all_of(numbers.begin(), numbers.end(), whole))
    return false;
  for (auto axis = axes.begin(); axis != axes.end(); ++axis)
    if (axis != inner && *axis->extent > 1 &&
        !std::all_of(axis->strides.begin(), axis->strides.end(), whole))
      return false;
  return true;
}

} // namespace recast::layout
