#include "runtime/format/safetensors/read/SafetensorsReader.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/read/LfsPointer.h"
#include "runtime/format/read/ModelFolder.h"
#include "runtime/format/safetensors/read/SafetensorsHeader.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format {
namespace {
using safetensors::Header;
using safetensors::HeaderTensor;

constexpr std::string_view kSuffixes[] = {".safetensors"};
constexpr ModelNames kNames{"safetensors", "model.safetensors", "model.safetensors.index.json",
                            kSuffixes};

Error about(const std::string &file, std::string message) {
  return Error(Code::BadInput, std::move(message)).file(file);
}

class Reader {
public:
  explicit Reader(const ModelFiles &model) : model_(model), check_(model, inventory_) {
    inventory_.format = "safetensors";
    inventory_.root = model.root;
    inventory_.layouts.emplace_back();
    inventory_.formatDetail = fmt::format("safetensors, {} file{}", model.files.size(),
                                          model.files.size() == 1 ? "" : "s");
  }

  Result<Inventory> run() {
    bool isSound = true;
    for (const std::string &name : model_.files) {
      auto shard = readShard(name);
      if (shard) {
        addShard(*shard);
      } else if (model_.index.empty()) {
        return fail(std::move(shard).error());
      } else {
        inventory_.problems.push_back({std::move(shard).error()});
        isSound = false;
      }
    }
    if (isSound)
      check_.finish(totalBytes_);
    if (!metadata_.empty())
      inventory_.objects["metadata"] = metadataObject();
    return std::move(inventory_);
  }

private:
  struct Shard {
    File file;
    Header header;
    uint64_t dataStart = 0;
  };

  Result<Shard> readShard(const std::string &name) const {
    std::string path = model_.root + "/" + name;
    RECAST_ASSIGN(io::File file, io::File::open(path));
    RECAST_ASSIGN(std::string head, file.read(0, std::min<uint64_t>(64, file.size())));
    RECAST_TRY(refuseLfsPointer(head, path));
    auto length = safetensors::headerLength(head, file.size());
    if (!length)
      return fail(Error(std::move(length).error()).file(path).bytes(0, 8));
    RECAST_ASSIGN(std::string json, file.read(8, *length));
    auto header = safetensors::parseHeader(json, file.size() - 8 - *length);
    if (!header)
      return fail(Error(std::move(header).error()).file(path).bytes(8, 8 + *length));
    if (header->metadata.contains("DCP_SHARDING_INFO"))
      return fail(about(path, "this file holds shards of tensors, written by PyTorch's distributed "
                              "checkpoint")
                      .hint("Consolidate them first (consolidate_safetensors_files)."));
    return Shard{{name, file.size(), file.info().mtimeNs}, std::move(*header), 8 + *length};
  }

  void addShard(Shard &shard) {
    auto file = static_cast<uint32_t>(inventory_.files.size());
    inventory_.files.push_back(shard.file);
    for (HeaderTensor &entry : shard.header.tensors) {
      if (!check_.takes(entry.name, shard.file.path))
        continue;
      Tensor tensor;
      tensor.role = role::kWeight;
      tensor.dtype = entry.dtype;
      tensor.store = static_cast<uint32_t>(inventory_.stores.size());
      // parseHeader proved that the product fits.
      int64_t elements = elementCount(entry.shape).value_or(0);
      inventory_.stores.push_back({entry.dtype, {{file, shard.dataStart + entry.begin, elements}}});
      totalBytes_ += entry.end - entry.begin;
      tensor.name = std::move(entry.name);
      tensor.shape = std::move(entry.shape);
      inventory_.tensors.push_back(std::move(tensor));
    }
    addMetadata(shard);
  }

  /// What stands in `__metadata__`, but for the framework that the tensors are of: that is said by
  /// every writer anew. Shards repeat one metadata; where they contradict, nobody knows which
  /// holds.
  void addMetadata(const Shard &shard) {
    for (const auto &[key, value] : shard.header.metadata) {
      if (key == "format")
        continue;
      auto [known, isNew] = metadata_.emplace(key, value);
      if (!isNew && known->second != value)
        inventory_.problems.push_back({about(
            model_.root + "/" + shard.file.path,
            fmt::format("__metadata__ '{}' is '{}' here and '{}' in another shard", printable(key),
                        printable(value, 80), printable(known->second, 80)))});
    }
  }

  plan::ObjectPtr metadataObject() const {
    std::vector<std::pair<plan::ObjectPtr, plan::ObjectPtr>> entries;
    for (const auto &[key, value] : metadata_)
      entries.push_back(plan::entry(key, plan::string(value)));
    return plan::dict(std::move(entries));
  }

  const ModelFiles &model_;
  Inventory inventory_;
  ShardCheck check_;
  std::map<std::string, std::string> metadata_;
  uint64_t totalBytes_ = 0;
};

} // namespace

Result<Inventory> readSafetensors(const std::string &path, const ReadOptions &) {
  RECAST_ASSIGN(ModelFiles model, findModel(path, kNames));
  return Reader(model).run();
}

} // namespace recast::format
