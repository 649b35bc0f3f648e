// Headers of safetensors, indices of sharded models, configurations.
#include "runtime/format/read/ConfigFile.h"
#include "runtime/format/read/ShardIndex.h"
#include "runtime/format/safetensors/read/SafetensorsHeader.h"
#include "runtime/io/Directory.h"
#include "test/fuzz/Target.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

namespace recast::fuzz {
namespace st = format::safetensors;

namespace {
__extension__ using Wide = unsigned __int128;

Wide bitsOf(const st::HeaderTensor &tensor) {
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end())
    return 0;
  Wide bits = info(tensor.dtype).bits;
  for (int64_t extent : tensor.shape) {
    RECAST_PROMISE(extent > 0);
    bits *= static_cast<uint64_t>(extent);
    RECAST_PROMISE(bits >> 64 < 8);
  }
  return bits;
}
} // namespace

/// Eight bytes that stand for the number of bytes after the header, then the file up to there.
bool runSafetensors(std::string_view input) {
  if (input.size() < 16)
    return false;
  uint64_t dataBytes;
  std::memcpy(&dataBytes, input.data(), sizeof dataBytes);
  dataBytes &= (uint64_t{1} << 62) - 1;
  input.remove_prefix(8);
  auto length = st::headerLength(input.substr(0, 8), input.size() + dataBytes);
  if (!length)
    return false;
  RECAST_PROMISE(*length <= input.size() - 8 + dataBytes);
  if (*length > input.size() - 8)
    return false;
  auto header = st::parseHeader(input.substr(8, *length), dataBytes);
  if (!header)
    return false;
  uint64_t end = 0;
  std::set<std::string> names;
  for (const st::HeaderTensor &tensor : header->tensors) {
    RECAST_PROMISE(tensor.begin == end && tensor.end >= tensor.begin);
    RECAST_PROMISE(names.insert(tensor.name).second);
    RECAST_PROMISE(tensor.shape.size() <= st::kMaxRank);
    RECAST_PROMISE(bitsOf(tensor) == Wide{8} * (tensor.end - tensor.begin));
    end = tensor.end;
  }
  RECAST_PROMISE(end == dataBytes);
  return true;
}

bool runShardIndex(std::string_view input) {
  auto index = format::parseShardIndex(input);
  if (!index)
    return false;
  std::set<std::string> names, files;
  for (const auto &[name, file] : index->weightMap) {
    RECAST_PROMISE(names.insert(name).second);
    RECAST_PROMISE(io::checkRelativePath(file).has_value());
    files.insert(file);
  }
  format::missingShard({files.begin(), files.end()});
  return true;
}

bool runConfig(std::string_view input) {
  auto config = format::parseConfig(input);
  if (!config)
    return false;
  RECAST_PROMISE(*config && (*config)->isDict());
  auto again = plan::fromJson(plan::toJson(**config));
  RECAST_PROMISE(again.has_value() && plan::equal(**config, **again));
  return true;
}

} // namespace recast::fuzz
