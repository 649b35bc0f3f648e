#include "runtime/format/read/ModelFolder.h"

#include "runtime/format/Printable.h"
#include "runtime/format/read/ShardIndex.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace recast::format {
namespace {
namespace fs = std::filesystem;

constexpr uint64_t kMaxIndexBytes = uint64_t{1} << 29;

Error about(const std::string &file, std::string message) {
  return Error(Code::BadInput, std::move(message)).file(file);
}

bool has(const std::vector<std::string> &names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The one file or index of a folder that stands for its model.
Result<std::string> entryOf(const std::string &path, const ModelNames &names) {
  std::vector<std::string> indexes;
  std::vector<std::vector<std::string>> files(names.suffixes.size());
  // ".safetensors.index.json"
  std::string_view indexSuffix = names.index.substr(names.index.find('.'));
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.ends_with(indexSuffix))
      indexes.push_back(name);
    for (size_t s = 0; s < names.suffixes.size(); ++s)
      if (name.ends_with(names.suffixes[s]))
        files[s].push_back(name);
  }
  if (error)
    return ioError("cannot list the folder", error.value(), path);
  std::vector<std::string> best;
  bool single = false;
  for (std::vector<std::string> &some : files) {
    std::sort(some.begin(), some.end());
    single = single || has(some, names.single);
    if (best.empty())
      best = some;
  }
  std::sort(indexes.begin(), indexes.end());
  if (single && has(indexes, names.index))
    return fail(about(path, fmt::format("the folder holds {} and a sharded model with an index: "
                                        "one of them is left over",
                                        names.single))
                    .hint("Name the file that is meant."));
  if (single)
    return std::string(names.single);
  if (has(indexes, names.index))
    return std::string(names.index);
  if (indexes.size() == 1)
    return indexes[0];
  if (indexes.empty() && best.size() == 1)
    return best[0];
  const std::vector<std::string> &several = indexes.empty() ? best : indexes;
  if (several.empty())
    return fail(about(path, fmt::format("the folder holds no {} file", names.format)));
  return fail(
      about(path, fmt::format("the folder holds {} {} {} and nothing says which of them "
                              "make up the model: {}, {}, ...",
                              several.size(), names.format, indexes.empty() ? "files" : "indexes",
                              printable(several[0]), printable(several[1])))
          .hint(fmt::format("Name one of them, or write the index {}.", names.index)));
}

} // namespace

Result<ModelFiles> findModel(const std::string &path, const ModelNames &names) {
  ModelFiles out;
  std::string entry;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    out.root = path;
    RECAST_ASSIGN(entry, entryOf(path, names));
  } else {
    out.root = fs::path(path).parent_path().string();
    if (out.root.empty())
      out.root = ".";
    entry = fs::path(path).filename().string();
  }
  if (!entry.ends_with(".json")) {
    out.files.push_back(std::move(entry));
    return out;
  }
  out.index = out.root + "/" + entry;
  RECAST_ASSIGN(std::string text, io::readWhole(out.index, kMaxIndexBytes));
  auto index = parseShardIndex(text);
  if (!index)
    return fail(Error(std::move(index).error()).file(out.index));
  for (const auto &[tensor, file] : index->weightMap)
    out.files.push_back(file);
  std::sort(out.files.begin(), out.files.end());
  out.files.erase(std::unique(out.files.begin(), out.files.end()), out.files.end());
  out.weightMap = std::move(index->weightMap);
  out.totalSize = index->totalSize;
  return out;
}

ShardCheck::ShardCheck(const ModelFiles &model, Inventory &inventory)
    : model_(model), inventory_(inventory) {
  for (const auto &[tensor, file] : model.weightMap)
    mapped_.emplace(tensor, file);
  if (model.index.empty())
    return;
  if (auto missing = missingShard(model.files))
    inventory_.problems.push_back(
        {about(model.index, fmt::format("no tensor is mapped to '{}': the index is of an "
                                        "incomplete model",
                                        printable(*missing)))});
}

bool ShardCheck::takes(const std::string &name, const std::string &file) {
  if (!model_.index.empty() && !mapped_.contains(name)) {
    ++unmapped_[file];
    return false;
  }
  auto [first, isNew] = seen_.try_emplace(name, file);
  if (!isNew)
    inventory_.problems.push_back(
        {Error(Code::BadInput, fmt::format("the tensor is in two files: '{}' and '{}'",
                                           printable(first->second), printable(file)))
             .tensor(printable(name))});
  return isNew;
}

void ShardCheck::finish(uint64_t totalBytes) {
  for (const auto &[file, count] : unmapped_)
    inventory_.notes.push_back(fmt::format("{} tensor{} of '{}' {} not in the index and left out",
                                           count, count == 1 ? "" : "s", printable(file),
                                           count == 1 ? "is" : "are"));
  for (const auto &[name, file] : model_.weightMap) {
    auto found = seen_.find(name);
    if (found == seen_.end() || found->second != file)
      inventory_.problems.push_back(
          {about(model_.index, fmt::format("the index maps this tensor to '{}', which does not "
                                           "hold it",
                                           printable(file)))
               .tensor(printable(name))});
  }
  if (model_.totalSize && *model_.totalSize != totalBytes)
    inventory_.notes.push_back(fmt::format(
        "the index says total_size {}, the tensors have {} bytes", *model_.totalSize, totalBytes));
}

} // namespace recast::format
