#include "runtime/format/Inventory.h"
#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed/read/DeepSpeedReader.h"
#include "runtime/format/deepspeed_universal/read/UniversalReader.h"
#include "runtime/format/read/LfsPointer.h"
#include "runtime/format/safetensors/read/SafetensorsReader.h"
#include "runtime/format/torch/read/SingleFile.h"
#include "runtime/format/torch/read/TorchReader.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace recast::format {
namespace {

constexpr std::string_view kReadable =
    "Recast reads DeepSpeed runs (a folder with 'latest' and TAG/*_optim_states.pt), DeepSpeed "
    "universal folders ('latest_universal', TAG/zero/), safetensors files, files of torch.save, "
    "and "
    "model folders of both.";

/// A run folder can hold native and universal tags side by side: the tag decides.
bool isUniversalTag(const std::string &path, const std::string &tag) {
  std::error_code error;
  return !tag.empty() && tag.find('/') == std::string::npos &&
         std::filesystem::is_directory(path + "/" + tag + "/zero", error);
}

} // namespace

std::vector<SourceArgument> sourceArguments(std::string_view format) {
  constexpr SourceArgument kTag{"tag", &ReadOptions::tag}, kKey{"key", &ReadOptions::key},
      kFrozen{"frozen", &ReadOptions::frozen};
  if (format == "torch")
    return {kKey};
  if (format == "deepspeed")
    return {kTag, kFrozen};
  if (format.empty())
    return {kTag, kKey, kFrozen};
  return {kTag};
}

Result<Inventory> readInventory(const std::string &path, const ReadOptions &options) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return fail(Error(Code::BadInput, "no such file or folder").file(path));
  std::string format = options.format.empty() ? detectFormat(path) : options.format;
  if (options.format.empty() && format == "deepspeed" && isUniversalTag(path, options.tag))
    format = "deepspeed_universal";
  if (format == "deepspeed")
    return readDeepSpeed(path, options);
  if (format == "deepspeed_universal")
    return readUniversal(path, options);
  if (format == "safetensors")
    return readSafetensors(path, options);
  if (format == "torch")
    return readTorch(path, options);
  if (format == "deepspeed_rank_file")
    return readSingleTorchFile(path);
  if (auto file = io::File::open(path))
    if (auto head = file->read(0, std::min<uint64_t>(file->size(), 64)))
      RECAST_TRY(refuseLfsPointer(*head, path));
  std::string message = "this is not a checkpoint that Recast knows";
  if (format == "dcp")
    message = "a PyTorch distributed checkpoint (.metadata, *.distcp), which Recast does not read";
  else if (format == "gguf")
    message = "a GGUF file, which Recast does not read";
  else if (!options.format.empty())
    return fail(Error(Code::Usage, fmt::format("there is no source format '{}'", printable(format)))
                    .hint(kReadable));
  return fail(Error(Code::BadInput, message).file(path).hint(kReadable));
}

Result<Inventory> readSoundInventory(const std::string &path, const ReadOptions &options) {
  RECAST_ASSIGN(Inventory inventory, readInventory(path, options));
  if (!inventory.problems.empty()) {
    Error first = std::move(inventory.problems.front().error);
    if (inventory.problems.size() > 1)
      first = std::move(first).hint(fmt::format("There are {} more problems: `recast inspect {}`.",
                                                inventory.problems.size() - 1, printable(path)));
    return fail(std::move(first));
  }
  if (inventory.format == "deepspeed_rank_file")
    return fail(Error(Code::BadInput, "one file of a run does not say which of its tensors are "
                                      "weights, masters or moments: it can be inspected, not "
                                      "converted")
                    .file(path)
                    .hint("Give the folder of the whole run."));
  return inventory;
}

} // namespace recast::format
