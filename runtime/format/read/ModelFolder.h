// Model folders as Hugging Face lays them out: one file, or shards with an index, and side files.
#pragma once

#include "runtime/format/Inventory.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace recast::format {

/// How the files of one format are called.
struct ModelNames {
  std::string_view format;                    ///< For messages.
  std::string_view single;                    ///< "model.safetensors"
  std::string_view index;                     ///< "model.safetensors.index.json"
  std::span<const std::string_view> suffixes; ///< Of files that may hold a model, best first.
};

/// The files that make up a model, and what its index says about them.
struct ModelFiles {
  std::string root;
  std::vector<std::string> files; ///< Sorted, each once, relative to `root`.
  std::string index;              ///< Path of the index; empty: one file.
  std::vector<std::pair<std::string, std::string>> weightMap; ///< (tensor, file), of the index.
  std::optional<uint64_t> totalSize;
};

/// `path`: a file, an index (.json), or a folder. A folder holds `single`, `index`, one index of
/// another name, or one file with a suffix of `names`; anything else is ambiguous and an error.
Result<ModelFiles> findModel(const std::string &path, const ModelNames &names);

/// Holds what the shards contain against the index; problems and notes go to the inventory.
class ShardCheck {
public:
  /// Reports a shard that no tensor of the index is mapped to.
  ShardCheck(const ModelFiles &model, Inventory &inventory);

  /// Whether tensor `name` of `file` belongs to the model: it is in the index, and in no other
  /// file.
  bool takes(const std::string &name, const std::string &file);
  /// Call after all shards were read without error: what the index promises must be there.
  void finish(uint64_t totalBytes);

private:
  const ModelFiles &model_;
  Inventory &inventory_;
  std::unordered_map<std::string, std::string> mapped_; ///< Tensor -> file, as the index says.
  std::unordered_map<std::string, std::string> seen_;   ///< Tensor -> file that holds it.
  std::map<std::string, size_t> unmapped_;              ///< File -> tensors outside the index.
};

} // namespace recast::format
