#include "compiler/Codegen/Target.h"

#include "compiler/Codegen/Ptx.h"

#include <fmt/format.h>

namespace recast::codegen {
namespace {
// The psABI's levels of x86-64; every aarch64 has 128-bit vectors.
constexpr Target kTargets[] = {
    {"x86-64-v2", "x86_64-unknown-linux-gnu", "x86-64-v2", 16, false},
    {"x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3", 32, true},
    {"x86-64-v4", "x86_64-unknown-linux-gnu", "x86-64-v4", 64, true},
    {"aarch64", "aarch64-unknown-linux-gnu", "generic", 16, false},
};

constexpr Target kPtxTargets[] = {
    {"nvptx-sm_80", "nvptx64-nvidia-cuda", "sm_80", 16, false},
    {"nvptx-sm_90", "nvptx64-nvidia-cuda", "sm_90", 16, false},
    {"nvptx-sm_100", "nvptx64-nvidia-cuda", "sm_100", 16, false},
};
} // namespace

std::span<const Target> allTargets() { return kTargets; }
std::span<const Target> ptxTargets() { return kPtxTargets; }

const Target *findPtxTarget(std::string_view name) {
  for (const Target &target : kPtxTargets)
    if (name == "nvptx" || name == target.level)
      return &target;
  return nullptr;
}

Result<Target> findTarget(std::string_view level) {
  std::string known;
  for (const Target &target : kTargets) {
    if (target.level == level)
      return target;
    known += known.empty() ? "" : ", ";
    known += target.level;
  }
  return fail(Error(Code::Usage, fmt::format("unknown CPU level '{}'", level))
                  .hint(fmt::format("Use one of {}; for a GPU, nvptx or {}.", known,
                                    kPtxTargets[0].level)));
}

} // namespace recast::codegen
