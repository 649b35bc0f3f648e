// Equality of elements as CheckEqual means it: equal bits, or both NaN.
#pragma once

#include "runtime/base/DType.h"

#include <cstddef>
#include <cstdint>

namespace recast::recipe {

/// Index of the first of `count` elements that differ, or -1. Arrays of whole-byte elements in any
/// alignment. Two NaNs are equal whatever their sign and payload (frameworks disagree on them); a
/// complex element compares part by part. Runs at memcmp speed where the bits are equal.
int64_t firstDifference(const std::byte *a, const std::byte *b, DType type, int64_t count);

} // namespace recast::recipe
