#include "runtime/exec/ManifestTensors.h"

#include "runtime/exec/ManifestStream.h"
#include "runtime/exec/Staging.h"
#include "runtime/io/Directory.h"

#include <cerrno>
#include <fcntl.h>

namespace recast::exec {
namespace {

using Json = nlohmann::json;

std::optional<ManifestTensor> parseTensor(const Json &json) {
  if (!json.is_object())
    return std::nullopt;
  ManifestTensor tensor;
  auto text = [&](const char *key, std::string &out) {
    auto found = json.find(key);
    if (found == json.end() || !found->is_string())
      return false;
    out = found->get<std::string>();
    return true;
  };
  std::string dtype, digest;
  if (!text("name", tensor.name) || !text("role", tensor.role) || !text("file", tensor.file) ||
      !text("dtype", dtype) || !text("digest", digest) || !io::checkRelativePath(tensor.file))
    return std::nullopt;
  auto type = parseDType(dtype);
  auto parsed = codec::Digest::parse(digest);
  auto offset = json.find("offset"), shape = json.find("shape");
  if (!type || !parsed || offset == json.end() || !offset->is_number_unsigned() ||
      shape == json.end() || !shape->is_array())
    return std::nullopt;
  for (const Json &extent : *shape) {
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > uint64_t{INT64_MAX})
      return std::nullopt;
    tensor.shape.push_back(extent.get<int64_t>());
  }
  tensor.dtype = *type;
  tensor.digest = *parsed;
  tensor.offset = offset->get<uint64_t>();
  return tensor;
}

/// More than any model has; a table of them is built.
constexpr size_t kMaxTensors = size_t{1} << 21;

class Tensors : public ManifestVisitor {
public:
  explicit Tensors(const std::string &shown) : shown_(shown) {}
  std::vector<ManifestTensor> take() && { return std::move(tensors_); }

private:
  void digestName(const std::string &name) override { isKnown_ = name == codec::kDigestName; }
  Status tensor(const Json &json) override {
    if (!isKnown_)
      return {};
    auto tensor = parseTensor(json);
    if (!tensor)
      return brokenManifest("a tensor is not described", shown_);
    if (tensors_.size() == kMaxTensors)
      return brokenManifest("it lists more tensors than any model has", shown_);
    tensors_.push_back(std::move(*tensor));
    return {};
  }

  const std::string &shown_;
  bool isKnown_ = false;
  std::vector<ManifestTensor> tensors_;
};

} // namespace

Result<std::vector<ManifestTensor>> readManifestTensors(const std::string &folder) {
  std::string shown = folder + "/" + std::string(StagedRoot::kManifestPath);
  io::Descriptor root(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root)
    return ioError("cannot open the folder", errno, folder);
  Tensors tensors(shown);
  RECAST_TRY(readManifest(root.get(), shown, tensors));
  return std::move(tensors).take();
}

} // namespace recast::exec
