#include "runtime/exec/ManifestTensors.h"

#include "runtime/exec/Staging.h"
#include "runtime/io/Directory.h"
#include "runtime/io/File.h"

#include <nlohmann/json.hpp>

namespace recast::exec {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxManifest = uint64_t{1} << 30;

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

} // namespace

Result<std::vector<ManifestTensor>> readManifestTensors(const std::string &folder) {
  std::string path = folder + "/" + std::string(StagedRoot::kManifestPath);
  RECAST_ASSIGN(std::string text, io::readWhole(path, kMaxManifest));
  Json json = Json::parse(text, nullptr, false);
  auto broken = [&](const char *what) {
    return fail(Error(Code::BadInput, std::string("the manifest is damaged: ") + what)
                    .file(path)
                    .hint("Convert again."));
  };
  if (!json.is_object() || json.value("recast_manifest", Json()) != 1)
    return broken("not a manifest of this version");
  std::vector<ManifestTensor> tensors;
  auto listed = json.find("tensors");
  if (listed == json.end() || json.value("digest", Json()) != std::string(codec::kDigestName))
    return tensors;
  if (!listed->is_array())
    return broken("it lists no tensors");
  for (const Json &entry : *listed) {
    auto tensor = parseTensor(entry);
    if (!tensor)
      return broken("a tensor is not described");
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

} // namespace recast::exec
