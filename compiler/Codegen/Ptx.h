// Kernels for NVIDIA GPUs, as PTX: the same recipes, the same casts on lanes, through LLVM's NVPTX
// backend directly. Not by way of the gpu and nvvm dialects: nothing here needs shared memory,
// barriers or host code, one function per recipe is all there is, and the driver compiles PTX.
#pragma once

#include "compiler/Codegen/Codegen.h"

namespace recast::codegen {

/// Name of the per-thread function behind a kernel: void(tiles, i64 block, i64 thread, i64
/// threads).
inline constexpr std::string_view kTileSuffix = "_tile";

/// Chips that PTX is written for; code for one runs on all later ones.
std::span<const Target> ptxTargets();
/// `nvptx` (the least chip) or `nvptx-sm_90`; null for other names.
const Target *findPtxTarget(std::string_view name);

/// A module with symbol_tile for every kernel, for GPUs also the entry points `symbol`(tiles). A
/// launch has one block for each tile of the table, of any number of threads; a tile is the
/// addresses of inputs and outputs and a count, 8 bytes each. Accesses have 128 bits where the
/// addresses of a tile are multiples of 16 bytes.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
emitTiles(mlir::MLIRContext &context, std::span<const Kernel> kernels, const Target &target);

/// PTX text with an entry point for every kernel, each preceded by its recipe as a comment.
Result<std::string> compilePtx(std::span<const Kernel> kernels, const Target &target);
/// The same functions as an object for a CPU, without entry points: for tests without a GPU.
Result<std::string> compileTilesForCpu(std::span<const Kernel> kernels, const Target &cpu);

} // namespace recast::codegen
