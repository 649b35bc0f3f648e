// A layout made explicit: which elements of the logical tensors each rank holds, as strided boxes.
#pragma once

#include "runtime/layout/Layout.h"

#include <span>

namespace recast::layout {

/// What one rank holds of one member. `storedElements` counts the local buffer that the layout
/// describes (for `flat per group` the rank's whole share of the group buffer), padding included.
struct Fragment {
  int64_t rank = 0;
  int64_t storedElements = 0;
  /// Sorted by (part, logicalOffset); merged as far as they go, except that those of a step
  /// `pieces` stay as they are listed.
  std::vector<Piece> pieces;
};

/// More pieces, or cells, than any tensor needs: what would have more (replicas on a mesh that a
/// hostile plan asks for, axes factored at odds) is an error and not a table.
inline constexpr size_t kMaxItems = size_t{1} << 24;

/// What rank `rank` holds. `shapes`: logical shape of each part.
Result<Fragment> fragment(const Layout &layout, const std::vector<std::vector<int64_t>> &shapes,
                          int64_t rank, FlatPosition position = {});

/// The fragments of all ranks that hold at least one element, in rank order; cost is proportional
/// to their number, not to the mesh (cut lists: a flat interval finds its ranks by division).
Result<std::vector<Fragment>> fragments(const Layout &layout,
                                        const std::vector<std::vector<int64_t>> &shapes,
                                        FlatPosition position = {});

/// The same for part `part` alone: as if the other parts held nothing, at the cost of what this one
/// has. `storedElements` still counts the whole local buffer.
Result<std::vector<Fragment>> fragmentsOfPart(const Layout &layout,
                                              const std::vector<std::vector<int64_t>> &shapes,
                                              uint32_t part, FlatPosition position = {});

/// What rank `rank` alone holds of part `part`; no pieces where it holds nothing. As
/// fragmentsOfPart() otherwise.
Result<Fragment> fragmentOfPart(const Layout &layout,
                                const std::vector<std::vector<int64_t>> &shapes, uint32_t part,
                                int64_t rank, FlatPosition position = {});

/// Shape of the local tensor of rank `rank`, paddings included. An error where the rank holds no
/// tensor with dimensions: behind `flat`, `pieces` and `stage`.
Result<std::vector<int64_t>>
localShape(const Layout &layout, const std::vector<std::vector<int64_t>> &shapes, int64_t rank);

/// Names what rank `rank` holds of a tensor with this layout: equal for ranks that differ only
/// along mesh axes that no step names. Empty where no step names any.
std::string shareName(const Layout &layout, int64_t rank);

/// Where a cell's elements lie in one operand: element `offset + sum(i_k * strides_k)` of `rank`'s
/// buffer.
struct CellAddress {
  int64_t rank = 0;
  int64_t offset = 0;
  std::vector<int64_t> strides; ///< One per dimension of the cell.
};

/// A box on which every operand is affine: the common refinement of several layouts.
struct Cell {
  uint32_t part = 0;
  int64_t logicalOffset = 0;
  std::vector<int64_t> extents, logicalStrides;
  std::vector<CellAddress> at; ///< One per operand.

  int64_t elementCount() const;
};

/// Where several ranks hold the same element: `First` takes the lowest rank (to read from), `Every`
/// makes one cell for each holder (to write to).
enum class Holders : uint8_t { First, Every };

struct Operand {
  std::span<const Fragment> fragments;
  Holders holders = Holders::First;
};

/// Common refinement: the elements that all operands hold, cut so that each cell is a box in every
/// operand, sorted by (part, logicalOffset). Regular grids intersect by sorted cut lists, irregular
/// ones by sweep; never all pairs.
Result<std::vector<Cell>> overlay(std::span<const Operand> operands);

} // namespace recast::layout
