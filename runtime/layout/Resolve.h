// A layout with names looked up and rules checked: what fragment(), fragments() and verify() share.
// Private to this folder.
#pragma once

#include "runtime/layout/Layout.h"

#include <optional>
#include <span>

namespace recast::layout {

using Shapes = std::vector<std::vector<int64_t>>;

/// Factor of the stored pattern with its axis as an index; `paths`: ways through it.
struct ResolvedFactor {
  int axis = -1; ///< -1: a concatenation.
  std::vector<std::vector<ResolvedFactor>> alternatives;
  size_t paths = 1; ///< At most kMaxParts once `resolve` is through.
};
using ResolvedProduct = std::vector<ResolvedFactor>;

/// One logical tensor: its axes outer to inner, with their strides in it.
struct ResolvedPart {
  std::vector<int> axes;
  std::vector<int64_t> logicalStrides;
};

struct AxisPad {
  int axis = 0;
  int64_t multiple = 1;
};
struct AxisSplit {
  std::vector<int> axes;
  std::vector<int> by; ///< Mesh axes, major to minor.
  int64_t ways = 1;    ///< Product of their sizes.
  SplitRule rule = SplitRule::Even;
  std::vector<int64_t> bounds; ///< For Widths: where each share begins, then the end.
};
using AxisStep = std::variant<AxisPad, AxisSplit>;

struct DimChunk {
  int dim = 0;
  int by = 0;
};
struct FlatCut {
  int by = 0;
  FlatScope scope = FlatScope::PerParam;
};

struct StageOwners {
  int by = 0;
  std::vector<int64_t> at; ///< Rising.
};

/// Steps on axes come first, then cuts of composite dimensions, then the flat cut. The order is
/// that of the layout's list: a chunk of a dimension that is one axis is a split of that axis, and
/// axes of a composite dimension may not be touched after its chunk, so the two kinds commute.
struct ResolvedLayout {
  std::vector<int64_t> meshSizes;
  std::vector<int64_t> axisSizes;
  std::vector<ResolvedProduct> dims;
  std::vector<ResolvedPart> parts;
  std::vector<AxisStep> axisSteps;
  std::vector<DimChunk> chunks;
  std::optional<FlatCut> flat;
  std::optional<StageOwners> stage;
  const PieceList *pieces = nullptr; ///< Of the layout that was resolved; then no cuts.
  std::optional<uint32_t> only;      ///< Boxes are wanted of this part and no other.

  int64_t rankCount() const;
  bool wants(size_t part) const { return !only || *only == part; }
};

Result<ResolvedLayout> resolve(const Layout &layout, const Shapes &shapes);

/// `[begin, end)` of rank `q` of `ways` when `extent` is cut by `rule`. Even counts on
/// divisibility.
struct Range {
  int64_t begin = 0, end = 0;
};
Range splitRange(SplitRule rule, std::span<const int64_t> bounds, int64_t extent, int64_t ways,
                 int64_t q);

/// How many ways each axis of a split is cut: every axis but the last by the greatest common
/// divisor of its extent and what is left of `ways`, the last by the rest.
std::vector<int64_t> splitFactors(std::span<const int64_t> extents, int64_t ways);

/// Makes `pieces` the step of `layout`, if it may be.
Status addPieces(const PieceList &list, ResolvedLayout &layout);

inline constexpr size_t kMaxSteps = 64;

} // namespace recast::layout
