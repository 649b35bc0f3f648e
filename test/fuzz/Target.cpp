#include "test/fuzz/Target.h"

namespace recast::fuzz {
namespace {
constexpr Target kTargets[] = {
    {"pickle", runPickle},
    {"torch_file", runTorchFile},
    {"safetensors", runSafetensors},
    {"shard_index", runShardIndex},
    {"deepspeed", runDeepSpeed},
    {"universal", runUniversal},
    {"ucl", runUcl},
    {"layout", runLayout},
    {"map", runMap},
    {"recipe", runRecipe},
    {"artifact", runArtifact},
    {"object_json", runObjectJson},
    {"commit_marker", runMarker},
    {"manifest", runManifest},
};
} // namespace

std::span<const Target> targets() { return kTargets; }

const Target *findTarget(std::string_view name) {
  for (const Target &target : kTargets)
    if (name == target.name)
      return &target;
  return nullptr;
}

} // namespace recast::fuzz
