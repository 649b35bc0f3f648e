// The index of a sharded model (`model.safetensors.index.json`, `pytorch_model.bin.index.json`;
// Hugging Face).
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace recast::format {

struct ShardIndex {
  /// (tensor, file) in the order of the index; names are unique. Files are relative paths without
  /// ".." components.
  std::vector<std::pair<std::string, std::string>> weightMap;
  /// As written; some writers count headers too, so it proves nothing.
  std::optional<uint64_t> totalSize;
};

Result<ShardIndex> parseShardIndex(std::string_view json);

/// Files of `names` (each once) that are called `<stem>-0000k-of-0000N.safetensors` come in
/// complete sets: the name of the first missing one, or nothing.
std::optional<std::string> missingShard(const std::vector<std::string> &names);

} // namespace recast::format
