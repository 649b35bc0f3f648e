// The MAP of a layout: how logical tensors with named axes make up one stored tensor.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recast::layout {

/// One factor of a stored dimension: a named axis, or a concatenation ("+") of products.
struct Factor {
  std::string axis;                              ///< Empty for a concatenation.
  std::vector<std::vector<Factor>> alternatives; ///< The summands of a concatenation.
  bool operator==(const Factor &) const = default;
};

/// Paths through products of factors, all side by side: as `AxisMap` counts parts; saturates.
size_t pathCount(std::span<const Factor> product);

/// Stored tensor as a list of dimensions, each a product of factors, first factor major
/// (einops order). Text: `((g r d) + (g d) + (g d)) h`; parentheses around a product make it one
/// dimension, a bare name is a dimension of its own.
///
/// A map with concatenations packs several logical tensors ("parts"): the k-th path through the
/// alternatives is part k. Where concatenations stand side by side, every choice of alternatives
/// is a path, the last one of the text varying fastest: `(a + b) (c + d)` is a matrix of four
/// blocks. (A concatenation inside an alternative counts with its own alternatives.)
/// A part's logical axes, outer to inner, are its axes in the order in which they are met, unless
/// the map is written `logical + logical -> stored`, one pattern per part; logical dimensions group
/// them: `(n d) h + (n d) h -> h (n d + n d)` packs two transposed matrices side by side.
struct AxisMap {
  using Dims = std::vector<std::vector<std::string>>;

  std::vector<std::vector<Factor>> stored; ///< Dimensions of the stored tensor.
  std::vector<Dims> logical;               ///< Per part, given before "->"; else empty.
  std::map<std::string, int64_t> sizes;    ///< Extent of every axis, and of no other name.

  /// Parses the text; `sizes` gives extents (a `, name=INT` suffix in the text adds to it); those
  /// of names that the map does not use are left out. An axis may stay without an extent until
  /// `inferSizes`. At most kMaxParts parts. Grammar (blanks only separate; NAME as in
  /// TextScanner.h):
  ///   map = [ [ pattern { "+" pattern } "->" ] pattern ] { "," NAME "=" INT } .
  ///   pattern = item { item } .   item = NAME | "(" pattern { "+" pattern } ")" .
  static Result<AxisMap> parse(std::string_view text, std::map<std::string, int64_t> sizes);
  /// Fills in extents still missing, from the logical shape of each part: where one dimension, or
  /// one part, leaves a single axis open (`j` of `(two j)` with two = 2). An error says which axis
  /// stays open or does not divide.
  Result<AxisMap> inferSizes(const std::vector<std::vector<int64_t>> &shapes) const;
  /// Axes d0, d1, ... one per dimension: the map of `as same`.
  static AxisMap identity(const std::vector<int64_t> &shape);

  /// Logical tensors packed into the stored one; saturates.
  size_t partCount() const;
  /// The path of part `part` (< partCount()) in each stored dimension.
  std::vector<size_t> pathsOf(size_t part) const;
  /// Axes of part `part` (< partCount()) in logical order, outer to inner.
  std::vector<std::string> partAxes(size_t part) const;
  /// The logical side, where there is one, lists the axes of each part, each once; `parse` has
  /// checked it.
  Status checkLogical() const;
  std::string str() const; ///< The canonical text, without sizes.
  bool operator==(const AxisMap &) const = default;
};

/// Bounds on what text or artifact may ask for, far above what models need.
inline constexpr size_t kMaxMapText = size_t{1} << 16; ///< Characters.
inline constexpr int kMaxMapDepth = 16;                ///< Nested parentheses.
inline constexpr size_t kMaxMapFactors = 1024;         ///< Axes and concatenations written.
inline constexpr size_t kMaxParts = 1024;              ///< Logical tensors in one stored tensor.
inline constexpr size_t kMaxAxesPerPart = 64;

} // namespace recast::layout
