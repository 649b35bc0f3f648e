// How a model is cut into files of bounded size, and the index that names them, as huggingface_hub
// does it (`model-00001-of-00003.safetensors`, `model.safetensors.index.json`).
#pragma once

#include "runtime/base/Status.h"
#include "runtime/format/TargetWriter.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace recast::format {

inline constexpr uint64_t kDefaultShardBytes = 5'000'000'000;

/// The option `max_shard_size`, in bytes: see parseBytes().
Result<uint64_t> parseShardSize(std::string_view text);

/// A tensor of a WriteRequest and its size.
struct SizedTensor {
  uint32_t tensor = 0;
  uint64_t bytes = 0;
};

/// The tensors of a request whose format keeps nothing but names apart, with their sizes. Fails on
/// a role outside `traits.roles`, on a name that occurs twice or is no UTF-8, and on sizes that do
/// not fill whole bytes or do not fit 64 bits.
Result<std::vector<SizedTensor>> sizedTensors(const WriteRequest &request,
                                              const TargetTraits &traits);

/// In order; a new shard begins where one would exceed `limit`. A tensor larger than that is alone.
std::vector<std::vector<SizedTensor>> cutShards(const std::vector<SizedTensor> &tensors,
                                                uint64_t limit);

/// "model.safetensors" for one shard, else "model-00002-of-00003.safetensors".
std::string shardName(std::string_view stem, std::string_view suffix, size_t shard, size_t count);

/// As json.dumps(index, indent=2, sort_keys=True) writes it. `place`: tensor -> file.
std::string shardIndexText(const std::map<std::string, std::string> &place, uint64_t totalBytes);

} // namespace recast::format
