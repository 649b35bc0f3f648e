#include "test/fuzz/Target.h"

namespace recast::fuzz {
namespace {
constexpr Target kTargets[] = {
    {"pickle", runPickle},
    {"zip_directory", runZipDirectory},
    {"torch_file", runTorchFile},
    {"torch_stream", runTorchFile}, // The form before zip: a corpus of its own.
    {"torch_folder", runTorchFolder},
    {"safetensors", runSafetensors},
    {"safetensors_folder", runSafetensorsFolder},
    {"shard_index", runShardIndex},
    {"config", runConfig},
    {"deepspeed", runDeepSpeed},
    {"universal", runUniversal},
    {"ucl", runUcl},
    {"models", runModels},
    {"define", runDefine},
    {"layout", runLayout},
    {"map", runMap},
    {"recipe", runRecipe},
    {"artifact", runArtifact},
    {"object_json", runObjectJson},
    {"commit_marker", runMarker},
    {"manifest", runManifest},
    {"journal", runJournal},
    {"kernel_pack", runKernelPack},
    {"schedule_csv", runScheduleCsv},
    {"schedule_json", runScheduleJson},
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
