// The processors that CPU kernels are compiled for.
#pragma once

#include "runtime/base/Status.h"

#include <span>
#include <string_view>

namespace recast::codegen {

/// A feature level: machines of one level run the same kernels.
struct Target {
  std::string_view level;  ///< As users and symbol tables spell it: `x86-64-v3`.
  std::string_view triple; ///< LLVM's target triple.
  std::string_view cpu;    ///< LLVM's name of the least processor of the level.
  unsigned vectorBytes;    ///< Width of a vector register.
  bool convertsF16;        ///< Has x86's F16C instructions.

  bool isGpu() const { return triple.starts_with("nvptx"); }
};

/// All levels, best last within one architecture.
std::span<const Target> allTargets();
/// The level of this name; a Usage error lists what there is.
Result<Target> findTarget(std::string_view level);

} // namespace recast::codegen
