// Elements narrower than a byte move as the bytes that they fill.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace recast::layout {

/// One axis of a box, in place: its extent, and its strides on every side (logical, stored, ...).
struct AxisInPlace {
  int64_t *extent = nullptr;
  std::vector<int64_t *> strides;
};

/// Turns a box of elements of `bits` bits (less than 8) into the same box of bytes: `numbers`
/// (offsets, counts), the extent of the one axis along which the elements are neighbours on every
/// side, and the strides of the others. An axis without strides is a run of neighbours. False where
/// elements share bytes with others that are not in the box or lie elsewhere in it; what was
/// changed by then is of no use.
bool elementsToBytes(unsigned bits, std::span<int64_t *const> numbers,
                     std::span<const AxisInPlace> axes);

} // namespace recast::layout
