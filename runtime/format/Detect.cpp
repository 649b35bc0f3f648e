// Which format a path holds, from names and first bytes.
#include "runtime/format/Inventory.h"
#include "runtime/format/deepspeed/read/FileNames.h"
#include "runtime/format/torch/read/StreamFile.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>

namespace recast::format {
namespace {
namespace fs = std::filesystem;

bool exists(const std::string &path) {
  std::error_code error;
  return fs::exists(path, error);
}
bool isFolder(const std::string &path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// The length of a JSON object, little-endian, and its beginning; the object lies in the file.
bool looksLikeSafetensors(std::string_view head, uint64_t size) {
  if (head.size() < 10 || (head[8] != '{' && head[8] != ' '))
    return false;
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(head[static_cast<size_t>(i)]);
  return length <= size - 8;
}

std::string detectFile(const std::string &path) {
  auto file = io::File::open(path);
  if (!file)
    return "";
  if (path.ends_with(".bin.index.json"))
    return "torch";
  if (path.ends_with(".index.json") || path.ends_with(".safetensors"))
    return "safetensors";
  auto head = file->read(0, std::min<uint64_t>(file->size(), 512));
  if (!head)
    return "";
  if (head->starts_with("GGUF"))
    return "gguf";
  std::string name = path.substr(path.rfind('/') + 1);
  // Also damaged ones: their reader says what is wrong with them.
  if (deepspeed::parseFileName(name).kind != deepspeed::FileKind::Other)
    return "deepspeed_rank_file";
  bool zip = head->starts_with("PK\3\4");
  if (zip || torch::isTorchStream(*head) || torch::isTar(*head) || name.ends_with(".pt") ||
      name.ends_with(".pth"))
    return "torch";
  if (looksLikeSafetensors(*head, file->size()))
    return "safetensors";
  return "";
}

bool hasCheckpointFiles(const std::string &folder) {
  auto files = deepspeed::listCheckpoint(folder);
  return files && !files->empty();
}

} // namespace

std::string detectFormat(const std::string &path) {
  if (!isFolder(path))
    return detectFile(path);
  if (isFolder(path + "/zero"))
    return "deepspeed_universal";
  if (hasCheckpointFiles(path) || exists(path + "/latest"))
    return "deepspeed";
  if (exists(path + "/latest_universal"))
    return "deepspeed_universal";

  bool tags = false, safetensors = false, torch = false, dcp = exists(path + "/.metadata");
  std::error_code error;
  fs::directory_iterator entries(path, error), end;
  for (; !error && entries != end; entries.increment(error)) {
    std::string name = entries->path().filename().string();
    std::error_code ignored;
    if (entries->is_directory(ignored)) {
      tags = tags || hasCheckpointFiles(entries->path().string());
      continue;
    }
    safetensors =
        safetensors || name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json");
    dcp = dcp || name.ends_with(".distcp");
    torch = torch || name == "pytorch_model.bin" || name.ends_with(".bin.index.json") ||
            name.ends_with(".pt") || name.ends_with(".pth");
  }
  return dcp ? "dcp" : safetensors ? "safetensors" : tags ? "deepspeed" : torch ? "torch" : "";
}

} // namespace recast::format
