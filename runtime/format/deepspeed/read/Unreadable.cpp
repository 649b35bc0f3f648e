#include "runtime/format/deepspeed/read/Unreadable.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace recast::format::deepspeed {
namespace {

size_t count(const TagFolder &folder, FileKind kind) {
  return static_cast<size_t>(
      std::count_if(folder.files.begin(), folder.files.end(),
                    [&](const CheckpointFile &file) { return file.kind == kind; }));
}

} // namespace

std::vector<Error> unreadableLayouts(const TagFolder &folder) {
  std::vector<Error> out;
  auto refuse = [&](std::string message, std::string_view hint) {
    out.push_back(Error(Code::BadInput, std::move(message)).file(folder.folder()).hint(hint));
  };
  int64_t mp = -1;
  for (const CheckpointFile &file : folder.files)
    mp = std::max(mp, file.mp);
  if (count(folder, FileKind::Expert) > 0)
    refuse("expert parallelism: the experts lie in files of their own",
           "Recast reads experts only as plain parameters: save from a run whose layers are not "
           "deepspeed.moe layers, or export the weights with the training code.");
  else if (size_t layers = count(folder, FileKind::Layer); layers > 0)
    refuse(fmt::format("pipeline parallelism: the weights lie in {} layer_* files", layers),
           "Convert with DeepSpeed's ds_to_universal, which joins the stages; Recast reads the "
           "universal checkpoint that it writes.");
  else if (mp > 0)
    refuse(fmt::format("model parallelism: there are {} model-parallel ranks, each with a part of "
                       "the tensors",
                       mp + 1),
           "Convert with DeepSpeed's ds_to_universal, which joins the parts; Recast reads the "
           "universal checkpoint that it writes.");
  std::error_code error;
  if (std::filesystem::exists(folder.folder() + "/offloaded_tensors", error))
    refuse("tensors offloaded to NVMe lie beside the checkpoint (offloaded_tensors/) in raw files",
           "Resume the run with offload_optimizer.device = cpu, or without offload, and save "
           "again.");
  return out;
}

std::vector<Error> unreadableSettings(const ModelStates &model) {
  std::vector<Error> out;
  auto refuse = [&](std::string message, std::string_view hint) {
    out.push_back(Error(Code::BadInput, std::move(message)).file(model.name).hint(hint));
  };
  const plan::Object *zero =
      lookup(model.torchFile.root().get(), {"ds_config", "zero_optimization"});
  auto number = [&](std::string_view key) {
    return zero && zero->isDict() ? intOf(zero->find(key)).value_or(-1) : -1;
  };
  auto isOn = [&](std::string_view key) {
    return zero && zero->isDict() && boolOf(zero->find(key)).value_or(false);
  };
  if (int64_t shards = number("mics_shard_size"); shards > 0)
    refuse(fmt::format("MiCS (mics_shard_size = {}): parameters are partitioned inside groups of "
                       "ranks, and every group has a copy",
                       shards),
           "Resume the run with plain ZeRO-3 (deepspeed.zero.Init instead of MiCS_Init) from an "
           "export of the weights, and save again.");
  if (int64_t secondary = number("zero_hpz_partition_size"); secondary > 1)
    refuse(fmt::format("hpZ (zero_hpz_partition_size = {}): weights have a second partition inside "
                       "each node, which no checkpoint that Recast was tried with has",
                       secondary),
           "Resume the run with zero_hpz_partition_size = 1 and save again: the ranks stay the "
           "same, DeepSpeed loads it.");
  if (isOn("zero_quantized_weights") || isOn("zero_quantized_nontrainable_weights"))
    refuse("ZeRO++ quantised weights (zero_quantized_weights): the values in the files may have "
           "been rounded to blocks of integers",
           "Resume the run with zero_quantized_weights = false and save again.");
  if (model.mpWorld && *model.mpWorld > 1)
    refuse(fmt::format("model parallelism: mp_world_size is {}, the files of one model-parallel "
                       "rank are here",
                       *model.mpWorld),
           "Copy the files of every rank into one folder and convert it with DeepSpeed's "
           "ds_to_universal, which joins the parts.");
  return out;
}

} // namespace recast::format::deepspeed
