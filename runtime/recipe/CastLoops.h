// Casts and arithmetic over arrays, as the interpreter runs them.
#pragma once

#include "runtime/recipe/Recipe.h"

#include <cstddef>
#include <cstdint>

namespace recast::recipe {

/// Casts `count` elements; both arrays in any alignment, not overlapping.
using CastLoop = void (*)(const std::byte *in, std::byte *out, int64_t count, Overflow overflow);

/// The loop for a pair of different dtypes, or null if the pair is not supported.
CastLoop castLoop(DType from, DType to);

/// What an arithmetic node means; arrays in any alignment. `b` is not read where the node has one
/// operand.
void arithmeticLoop(const Node &node, const std::byte *a, const std::byte *b, std::byte *out,
                    int64_t count);

} // namespace recast::recipe
