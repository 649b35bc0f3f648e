// A view with the sizes of its model: which stored tensors there are, and which logical tensors lie
// in each of them. Proved while it is made: every logical tensor lies in exactly one place, every
// stored element is one of theirs.
#pragma once

#include "compiler/Bind/Model.h"
#include "runtime/layout/Layout.h"

#include <set>

namespace recast::compiler {

/// One stored tensor of a view.
struct StoredTensor {
  Name name;
  /// How its parts make it up, with all sizes and with the logical side of the model; the layout
  /// holds the pads of the rule as steps and, where the ranks have shares, what cuts over more than
  /// one of them, with their mesh.
  layout::Layout layout;
  bool asItIs = false;             ///< One part, stored as the logical tensor: the layout is whole.
  std::vector<int64_t> shape;      ///< As stored, pads included.
  std::vector<uint32_t> parts;     ///< Logical tensors, in the order of the layout's parts.
  std::vector<layout::Step> ranks; ///< `varying` and `stage` of the rule.
  mlir::Location loc;              ///< Of its rule.
};

/// Where a logical tensor lies.
struct StoredPart {
  uint32_t stored = 0, part = 0;
};

struct BoundView {
  std::string name;
  BoundModel model;
  std::vector<StoredTensor> stored;
  std::unordered_map<Name, uint32_t> byName;
  std::vector<StoredPart> places; ///< Parallel to model.tensors.
  std::vector<std::string> ignores;
  std::set<std::string> cutAxes; ///< Axes of the mesh that steps of its rules name.
};

/// `mesh`: sizes of the mesh axes that the view cuts over; those left out have one rank. `shares`:
/// each rank of the mesh has its share of the tensors; else they are whole and a step that cuts
/// them is an error. Fails with Code::Usage and a witness where the view is no bijection.
Result<BoundView> bindView(mlir::ModuleOp module, ir::ckpt::ViewOp op, mlir::Attribute application,
                           const layout::Mesh &mesh, bool shares, mlir::Location loc);

} // namespace recast::compiler
