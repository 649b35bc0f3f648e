// Kernels from recipes: recipe -> arith over vectors -> LLVM -> object code, all in process.
#pragma once

#include "compiler/Codegen/Target.h"
#include "runtime/recipe/Recipe.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <span>
#include <string>

namespace recast::codegen {

/// What the name of a kernel for boxes ends in (device::cpu::kBoxSuffix, which is built later).
inline constexpr std::string_view kBoxSuffix = "_box";

/// A recipe to compile into the function `symbol`, of device::cpu::KernelFn's signature, and
/// `symbol` + kBoxSuffix, of BoxKernelFn's.
struct Kernel {
  recipe::Recipe recipe;
  std::string symbol;
};

/// Fails with Usage on a recipe that has checks (a kernel has no verdict to give) or does not
/// verify.
Status checkKernels(std::span<const Kernel> kernels);

/// The kernels as one module of func, scf, arith (over vectors) and llvm pointers: each a
/// vector loop and a scalar loop for the rest; boxes with loops for contiguous columns, for
/// transposes and for any strides. Fails with Usage on a recipe that has
/// checks (a kernel has no verdict to give) or does not verify. The context has the dialects loaded
/// on return.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
emitModule(mlir::MLIRContext &context, std::span<const Kernel> kernels, const Target &target);

/// Lowers such a module, in place, to the llvm dialect. Internal error if a pass fails.
Status lowerToLLVM(mlir::ModuleOp module);

/// A relocatable ELF object with the kernels, position-independent; equal inputs give equal bytes.
Result<std::string> compileObject(std::span<const Kernel> kernels, const Target &target);
/// The same as assembly text, for people and tests.
Result<std::string> compileAssembly(std::span<const Kernel> kernels, const Target &target);

} // namespace recast::codegen
