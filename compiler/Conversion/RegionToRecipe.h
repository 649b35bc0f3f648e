// A family's region as the scalar dataflow of one element.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"

#include <vector>

namespace recast::compiler {

struct FamilyRecipe {
  recipe::Recipe recipe;
  std::vector<size_t> inputs; ///< Per input slot of the recipe, the block argument.
};

/// The recipe of a family: loads, then casts, means and checks in program order, then the stores.
/// Equal computations on equal values are one node; arguments and results that nothing needs have
/// none. Emits an
/// error and fails where a recipe cannot say what the region does.
mlir::FailureOr<FamilyRecipe> recipeOf(ir::ckpt::FamilyOp family);

} // namespace recast::compiler
