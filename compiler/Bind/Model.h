// A model with its sizes: which logical tensors there are.
#pragma once

#include "runtime/base/Name.h"
#include "runtime/base/Status.h"

#include "dialect/Ckpt/CkptDialect.h"
#include "runtime/layout/AxisMap.h"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace recast::compiler {

/// A `ckpt.tensor` with the groups around it, outer to inner.
struct TensorDecl {
  std::vector<std::string> groups; ///< Names of the groups.
  std::string name;
  std::vector<std::vector<std::string>> axes; ///< Per dimension its named axes.
};

/// One logical tensor.
struct LogicalTensor {
  Name name; ///< "layer[3].q"
  uint32_t decl = 0;
  std::vector<int64_t> indices; ///< One per group.
  std::vector<int64_t> shape;
  std::optional<uint32_t> tiedTo; ///< Another logical tensor, whose values this one shares.
};

/// Tensors that a path names: declarations in the order of its alternatives, packs side by side.
struct PathMatch {
  std::vector<std::vector<uint32_t>> packs; ///< Declarations, one list per alternative.
  std::vector<std::map<std::string, std::string>> choices; ///< Variable -> name, per alternative.
  std::vector<std::string> indices;                        ///< Index of each group, "" if left out.
};

struct BoundModel {
  std::string name;
  std::vector<std::string> configs; ///< Paths of the configurations that its arguments name.
  std::map<std::string, int64_t> dims;
  std::vector<TensorDecl> decls;
  std::vector<LogicalTensor> tensors; ///< In the order of the model.
  std::map<std::pair<uint32_t, std::vector<int64_t>>, uint32_t> byIndex; ///< (decl, indices).
  std::unordered_map<Name, uint32_t> byName;

  /// Fails at `loc` where the model has no such tensor.
  Result<PathMatch> match(ir::ckpt::PathAttr path, mlir::Location loc) const;
  /// The axes of a declaration, each dimension a product: the map of a tensor stored as it is.
  layout::AxisMap axesOf(uint32_t decl) const;
  /// Per declaration, whether one of the paths names it, or a group that it is in.
  std::vector<char> named(llvm::ArrayRef<ir::ckpt::PathAttr> paths) const;
};

/// Evaluates `application`, a call of the model with its arguments. Dimensions must be whole
/// numbers of at least 0.
Result<BoundModel> bindModel(mlir::ModuleOp module, ir::ckpt::ModelOp op,
                             mlir::Attribute application, mlir::Location loc);

/// `layer[l].q` as the language writes it.
std::string pathText(ir::ckpt::PathAttr path);

} // namespace recast::compiler
