#include "runtime/format/safetensors/read/SafetensorsReader.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/safetensors/read/SafetensorsHeader.h"
#include "runtime/format/safetensors/read/ShardIndex.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <unordered_map>

namespace recast::format {
namespace {
namespace fs = std::filesystem;
using safetensors::Header;
using safetensors::HeaderTensor;

constexpr uint64_t kMaxIndexBytes = uint64_t{1} << 29;
constexpr char kIndexSuffix[] = ".safetensors.index.json";

/// What a path stands for: a folder and either one file or an index in it.
struct Entry {
  std::string root, file;
  bool isIndex = false;
};

Error about(const std::string &file, std::string message) {
  return Error(Code::BadInput, std::move(message)).file(file);
}

Result<Entry> entryOfFolder(const std::string &path) {
  std::vector<std::string> files, indexes;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.ends_with(kIndexSuffix))
      indexes.push_back(std::move(name));
    else if (name.ends_with(".safetensors"))
      files.push_back(std::move(name));
  }
  if (error)
    return ioError("cannot list the folder", error.value(), path);
  std::sort(files.begin(), files.end());
  std::sort(indexes.begin(), indexes.end());
  auto has = [](const std::vector<std::string> &names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  bool single = has(files, "model.safetensors"),
       sharded = has(indexes, "model.safetensors.index.json");
  if (single && sharded)
    return fail(about(path, "the folder holds model.safetensors and a sharded model with an index: "
                            "one of them is left over")
                    .hint("Name the file that is meant."));
  if (single)
    return Entry{path, "model.safetensors", false};
  if (sharded)
    return Entry{path, "model.safetensors.index.json", true};
  if (indexes.size() == 1)
    return Entry{path, indexes[0], true};
  if (indexes.empty() && files.size() == 1)
    return Entry{path, files[0], false};
  std::vector<std::string> &several = indexes.empty() ? files : indexes;
  if (several.empty())
    return fail(about(path, "the folder holds no safetensors file"));
  return fail(about(path, fmt::format("the folder holds {} safetensors {} and nothing says which "
                                      "of them make up the model: {}, {}, ...",
                                      several.size(), indexes.empty() ? "files" : "indexes",
                                      printable(several[0]), printable(several[1])))
                  .hint("Name one of them, or write the index model.safetensors.index.json."));
}

Result<Entry> resolve(const std::string &path) {
  std::error_code error;
  if (fs::is_directory(path, error))
    return entryOfFolder(path);
  fs::path file(path);
  std::string root = file.parent_path().string();
  return Entry{root.empty() ? "." : root, file.filename().string(), path.ends_with(".json")};
}

class Reader {
public:
  explicit Reader(Entry entry) : entry_(std::move(entry)) {
    inventory_.format = "safetensors";
    inventory_.root = entry_.root;
    inventory_.layouts.emplace_back();
  }

  Result<Inventory> run() {
    if (entry_.isIndex)
      RECAST_TRY(readSharded());
    else
      RECAST_TRY(readSingle());
    return std::move(inventory_);
  }

private:
  struct Shard {
    File file;
    Header header;
    uint64_t dataStart = 0;
  };

  Status readSingle() {
    RECAST_ASSIGN(Shard shard, readShard(entry_.file));
    inventory_.formatDetail = "safetensors, 1 file";
    return addShard(shard, nullptr);
  }

  Status readSharded() {
    std::string shown = entry_.root + "/" + entry_.file;
    RECAST_ASSIGN(std::string text, io::readWhole(shown, kMaxIndexBytes));
    auto index = safetensors::parseShardIndex(text);
    if (!index)
      return fail(Error(std::move(index).error()).file(shown));

    std::vector<std::string> names;
    std::unordered_map<std::string, std::string> fileOf;
    for (auto &[tensor, file] : index->weightMap) {
      names.push_back(file);
      fileOf.emplace(tensor, file);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    inventory_.formatDetail =
        fmt::format("safetensors, {} file{}", names.size(), names.size() == 1 ? "" : "s");
    if (auto missing = safetensors::missingShard(names))
      problem(about(shown, fmt::format("no tensor is mapped to '{}': the index is of an "
                                       "incomplete model",
                                       printable(*missing))));
    bool isSound = true;
    for (const std::string &name : names) {
      auto shard = readShard(name);
      if (!shard) {
        problem(std::move(shard).error());
        isSound = false;
        continue;
      }
      RECAST_TRY(addShard(*shard, &fileOf));
    }
    if (isSound)
      checkMapped(index->weightMap, shown);
    if (isSound && index->totalSize && *index->totalSize != totalBytes_)
      inventory_.notes.push_back(
          fmt::format("the index says total_size {}, the tensors have {} bytes", *index->totalSize,
                      totalBytes_));
    return {};
  }

  Result<Shard> readShard(const std::string &name) const {
    std::string path = entry_.root + "/" + name;
    RECAST_ASSIGN(io::File file, io::File::open(path));
    auto head = file.read(0, std::min<uint64_t>(8, file.size()));
    if (!head)
      return fail(std::move(head).error());
    auto length = safetensors::headerLength(*head, file.size());
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

  /// `fileOf`: what the index says; null for a model of one file.
  Status addShard(Shard &shard, const std::unordered_map<std::string, std::string> *fileOf) {
    auto file = static_cast<uint32_t>(inventory_.files.size());
    inventory_.files.push_back(shard.file);
    size_t unmapped = 0;
    for (HeaderTensor &entry : shard.header.tensors) {
      if (fileOf && !fileOf->contains(entry.name)) {
        ++unmapped;
        continue;
      }
      auto [first, isNew] = seen_.try_emplace(entry.name, file);
      if (!isNew) {
        problem(Error(Code::BadInput, fmt::format("the tensor is in two files: '{}' and '{}'",
                                                  printable(inventory_.files[first->second].path),
                                                  printable(shard.file.path)))
                    .tensor(printable(entry.name)));
        continue;
      }
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
    if (unmapped)
      inventory_.notes.push_back(fmt::format(
          "{} tensor{} of '{}' {} not in the index and left out", unmapped,
          unmapped == 1 ? "" : "s", printable(shard.file.path), unmapped == 1 ? "is" : "are"));
    return {};
  }

  void checkMapped(const std::vector<std::pair<std::string, std::string>> &weightMap,
                   const std::string &shown) {
    for (const auto &[name, file] : weightMap) {
      auto found = seen_.find(name);
      if (found == seen_.end() || inventory_.files[found->second].path != file)
        problem(about(shown, fmt::format("the index maps this tensor to '{}', which does not hold "
                                         "it",
                                         printable(file)))
                    .tensor(printable(name)));
    }
  }

  void problem(Error error) { inventory_.problems.push_back({std::move(error)}); }

  Entry entry_;
  Inventory inventory_;
  std::unordered_map<std::string, uint32_t> seen_; ///< Tensor -> file.
  uint64_t totalBytes_ = 0;
};

} // namespace

Result<Inventory> readSafetensors(const std::string &path, const ReadOptions &) {
  RECAST_ASSIGN(Entry entry, resolve(path));
  return Reader(std::move(entry)).run();
}

} // namespace recast::format
