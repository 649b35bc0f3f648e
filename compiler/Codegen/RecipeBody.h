// What a recipe computes, on lanes: the part that kernels of every target and access shape share.
#pragma once

#include "compiler/Codegen/Lanes.h"
#include "compiler/Codegen/Target.h"
#include "runtime/recipe/Recipe.h"

#include <vector>

namespace recast::codegen {

/// What is stored to each output, from what each input holds (a scalar in every lane); the recipe
/// has no checks.
std::vector<mlir::Value> evaluate(Lanes &lanes, const recipe::Recipe &recipe,
                                  const std::vector<mlir::Value> &loads, const Target &target);

/// What the scalar input `slot` holds, in every lane.
mlir::Value loadScalar(Lanes &lanes, const recipe::Recipe &recipe, size_t slot, mlir::Value base);

/// Loads the lanes that begin at element `index` from the pointers `inputs`, evaluates, stores to
/// `outputs`. `alignment`: bytes that every address but those of scalars is a multiple of.
void emitBody(Lanes &lanes, const recipe::Recipe &recipe, const std::vector<mlir::Value> &inputs,
              const std::vector<mlir::Value> &outputs, mlir::Value index, const Target &target,
              unsigned alignment = 1);

} // namespace recast::codegen
