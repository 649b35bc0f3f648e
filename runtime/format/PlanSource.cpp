#include "runtime/format/PlanSource.h"

#include "runtime/base/FieldHash.h"
#include "runtime/codec/Xxh3.h"
#include "runtime/io/File.h"

#include <filesystem>
#include <fmt/format.h>

namespace recast::format {
namespace {

constexpr uint64_t kLargestConfig = uint64_t{64} << 20;

using Hasher = FieldHash<codec::Xxh3Stream>;

std::string hex(uint64_t digest) { return fmt::format("{:016x}", digest); }

void hashTensor(Hasher &hash, const Tensor &tensor) {
  hash.text(tensor.name);
  hash.text(tensor.role);
  hash.number(static_cast<uint64_t>(tensor.dtype));
  hash.number(tensor.shape.size());
  for (int64_t extent : tensor.shape)
    hash.number(static_cast<uint64_t>(extent));
  hash.number(tensor.layout);
  hash.number(tensor.scalar.has_value());
  if (!tensor.scalar)
    hash.number(tensor.store);
  hash.number(static_cast<uint64_t>(tensor.start));
  hash.number(static_cast<uint64_t>(tensor.groupTotal));
  hash.number(tensor.part);
  hash.number(static_cast<uint64_t>(tensor.group));
}

} // namespace

void addSource(plan::Plan &plan, const std::string &endpoint, const Inventory &source) {
  plan.sources.push_back({endpoint, source.format, source.root, source.tag});
  for (const File &file : source.files)
    plan.files.push_back({0, file.path, file.size, file.mtimeNs});
  for (const Record &record : source.records)
    plan.records.push_back({record.file, record.offset, record.length, record.crc32});
  for (const Store &store : source.stores) {
    plan.stores.push_back(
        {static_cast<uint32_t>(plan.extents.size()), static_cast<uint32_t>(store.extents.size())});
    for (const Extent &extent : store.extents)
      plan.extents.push_back({extent.file, extent.offset, extent.elements});
  }
  plan.layouts = source.layouts;
}

std::string tensorsHash(const Inventory &source) {
  Hasher hash;
  hash.text(source.format);
  hash.text(source.mesh.str());
  hash.number(source.files.size());
  for (const File &file : source.files) {
    bool hasTag = !source.tag.empty() && file.path.starts_with(source.tag + "/");
    hash.text(std::string_view(file.path).substr(hasTag ? source.tag.size() + 1 : 0));
  }
  hash.number(source.layouts.size());
  for (const layout::Layout &layout : source.layouts)
    hash.text(layout.str());
  hash.number(source.stores.size());
  for (const Store &store : source.stores) {
    hash.number(static_cast<uint64_t>(store.dtype));
    hash.number(store.extents.size());
    for (const Extent &extent : store.extents) {
      hash.number(extent.file);
      hash.number(static_cast<uint64_t>(extent.elements));
    }
  }
  hash.number(source.tensors.size());
  for (const Tensor &tensor : source.tensors)
    hashTensor(hash, tensor);
  hash.number(source.aliases.size());
  for (const auto &[alias, canonical] : source.aliases) {
    hash.text(alias);
    hash.text(canonical);
  }
  hash.number(source.groups.size());
  for (const Group &group : source.groups) {
    hash.number(group.names.size());
    for (Name name : group.names)
      hash.text(name);
  }
  hash.number(source.keptFiles.size());
  for (uint32_t file : source.keptFiles)
    hash.number(file);
  hash.number(source.orderUncertain);
  return hex(hash.digest());
}

Result<std::pair<std::string, std::string>> configFact(const std::string &path,
                                                       const std::string &root) {
  RECAST_ASSIGN(std::string text, io::readWhole(path, kLargestConfig));
  std::error_code ignored;
  namespace fs = std::filesystem;
  fs::path inside =
      fs::weakly_canonical(path, ignored).lexically_relative(fs::weakly_canonical(root, ignored));
  bool isInside = !inside.empty() && *inside.begin() != "..";
  return std::pair("config " + (isInside ? inside.string() : fs::absolute(path).string()),
                   hex(codec::xxh3(text.data(), text.size())));
}

std::string configPath(const std::string &fact, const std::string &root) {
  return (std::filesystem::path(root) / fact.substr(std::string_view("config ").size())).string();
}

} // namespace recast::format
