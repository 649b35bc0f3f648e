#include "runtime/capi/StoredDigests.h"

#include "runtime/base/Checked.h"
#include "runtime/exec/ManifestTensors.h"
#include "runtime/exec/Staging.h"
#include "runtime/io/File.h"

#include <filesystem>

namespace recast::capi {
namespace {

namespace fs = std::filesystem;

bool hasManifest(const fs::path &folder) {
  std::error_code ignored;
  return fs::exists(folder / exec::StagedRoot::kManifestPath, ignored);
}

bool isNameOfAFolder(const std::string &tag) {
  return !tag.empty() && tag != ".." && tag != "." &&
         tag.find_first_of(std::string("/\n\0", 3)) == tag.npos;
}

/// The one place of a tensor that lies whole in one file.
std::optional<std::pair<uint32_t, uint64_t>> placeOf(const format::Inventory &inventory,
                                                     const format::Tensor &tensor) {
  if (tensor.scalar)
    return std::nullopt;
  const format::Store &store = inventory.stores[tensor.store];
  if (store.extents.size() != 1 || inventory.layouts[tensor.layout] != layout::Layout())
    return std::nullopt;
  const format::Extent &extent = store.extents[0];
  auto at = static_cast<uint64_t>(unitCount(tensor.dtype, tensor.start)) * unitBytes(tensor.dtype);
  return std::pair(extent.file, extent.offset + at);
}

} // namespace

Result<std::string> manifestFolder(const std::string &path, const std::string &tag) {
  std::error_code ignored;
  fs::path folder = fs::is_directory(path, ignored) ? fs::path(path) : fs::path(path).parent_path();
  if (folder.empty())
    folder = ".";
  if (!tag.empty() && isNameOfAFolder(tag) && hasManifest(folder / tag))
    return (folder / tag).string();
  if (hasManifest(folder))
    return folder.string();
  for (const char *pointer : {"latest_universal", "latest"}) {
    std::string file = (folder / pointer).string();
    if (!fs::exists(file, ignored))
      continue;
    RECAST_ASSIGN(std::string name, io::readWhole(file, 4096));
    if (!isNameOfAFolder(name))
      return fail(Error(Code::BadInput, "the pointer names no folder beside it").file(file));
    if (hasManifest(folder / name))
      return (folder / name).string();
  }
  return std::string();
}

Result<StoredDigests> StoredDigests::read(const std::string &folder,
                                          const format::Inventory &inventory) {
  StoredDigests out;
  if (folder.empty())
    return out;
  RECAST_ASSIGN(std::vector<exec::ManifestTensor> tensors, exec::readManifestTensors(folder));
  RECAST_ASSIGN(io::FileInfo manifest,
                io::statFile(folder + "/" + std::string(exec::StagedRoot::kManifestPath)));
  // Tensors of no elements share places with others, and nothing can be wrong with them.
  auto isEmpty = [](const std::vector<int64_t> &shape) { return elementCount(shape) == 0; };
  std::map<std::pair<std::string, uint64_t>, const format::Tensor *> byPlace;
  for (const format::Tensor &tensor : inventory.tensors)
    if (auto place = placeOf(inventory, tensor); place && !isEmpty(tensor.shape)) {
      const format::File &file = inventory.files[place->first];
      byPlace[{(fs::path(inventory.root) / file.path).lexically_normal().string(), place->second}] =
          &tensor;
      if (file.mtimeNs > manifest.mtimeNs)
        out.newer_ = file.path;
    }
  for (const exec::ManifestTensor &tensor : tensors) {
    if (isEmpty(tensor.shape))
      continue;
    auto found =
        byPlace.find({(fs::path(folder) / tensor.file).lexically_normal().string(), tensor.offset});
    if (found == byPlace.end() || found->second->dtype != tensor.dtype ||
        found->second->shape != tensor.shape)
      out.missing_ = tensor.name;
    else
      out.found_[found->second] = tensor.digest;
  }
  return out;
}

const codec::Digest *StoredDigests::find(const format::Tensor &tensor) const {
  auto found = found_.find(&tensor);
  return found == found_.end() ? nullptr : &found->second;
}

} // namespace recast::capi
