#include "runtime/format/write/Shards.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Text.h"
#include "runtime/base/Utf8.h"
#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace recast::format {

Result<uint64_t> parseShardSize(std::string_view text) {
  if (auto bytes = parseBytes(text))
    return *bytes;
  return fail(
      Error(Code::Usage, fmt::format("max_shard_size = '{}' is not a size", printable(text, 40)))
          .hint(kBytesHint));
}

Result<std::vector<SizedTensor>> sizedTensors(const WriteRequest &request,
                                              const TargetTraits &traits) {
  std::vector<SizedTensor> out;
  std::vector<bool> seen(request.tensors.nameCount());
  uint64_t total = 0;
  for (uint32_t i = 0; i < request.tensors.size(); ++i) {
    const TargetTensor tensor = request.tensors[i];
    const uint32_t name = request.tensors.row(i).name;
    auto bad = [&](std::string message) {
      return Error(Code::BadInput, std::move(message)).tensor(printable(tensor.name));
    };
    if (std::find(traits.roles.begin(), traits.roles.end(), tensor.role) == traits.roles.end())
      return fail(
          bad(fmt::format("{} has no place for role '{}'", traits.format, printable(tensor.role)))
              .hint(fmt::format("A {} file holds weights, frozen parameters and buffers: "
                                "drop the other roles.",
                                traits.format)));
    if (!isUtf8(tensor.name))
      return fail(bad(fmt::format("a name in a {} file is UTF-8 text", traits.format)));
    if (seen[name])
      return fail(bad(fmt::format("two tensors have this name in one {} target", traits.format))
                      .hint("Roles do not keep names apart there: rename or drop one."));
    seen[name] = true;
    auto elements = elementCount(tensor.shape);
    auto bits = elements ? checkedMul<int64_t>(*elements, bitWidth(tensor.dtype)) : std::nullopt;
    if (!bits)
      return fail(bad("its size does not fit 64 bits"));
    if (*bits % 8)
      return fail(bad(fmt::format("{} elements of {} do not fill whole bytes", *elements,
                                  recast::name(tensor.dtype))));
    auto bytes = static_cast<uint64_t>(*bits / 8);
    auto sum = checkedAdd(total, bytes);
    if (!sum || *sum > (uint64_t{1} << 62))
      return fail(bad("all tensors together do not fit 64 bits"));
    total = *sum;
    out.push_back({i, bytes});
  }
  return out;
}

std::vector<std::vector<SizedTensor>> cutShards(const std::vector<SizedTensor> &tensors,
                                                uint64_t limit) {
  std::vector<std::vector<SizedTensor>> shards(1);
  uint64_t filled = 0;
  for (const SizedTensor &tensor : tensors) {
    if (!shards.back().empty() && tensor.bytes > limit - std::min(filled, limit)) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(tensor);
    filled += tensor.bytes;
  }
  return shards;
}

std::string shardName(std::string_view stem, std::string_view suffix, size_t shard, size_t count) {
  return count == 1 ? fmt::format("{}{}", stem, suffix)
                    : fmt::format("{}-{:05}-of-{:05}{}", stem, shard + 1, count, suffix);
}

std::string shardIndexText(const std::map<std::string, std::string> &place, uint64_t totalBytes) {
  std::string text = fmt::format("{{\n  \"metadata\": {{\n    \"total_size\": {}\n  }},\n"
                                 "  \"weight_map\": {{",
                                 totalBytes);
  std::string_view separator = "\n";
  for (const auto &[name, file] : place) {
    text += fmt::format("{}    {}: \"{}\"", separator, nlohmann::json(name).dump(), file);
    separator = ",\n";
  }
  return text + "\n  }\n}\n";
}

} // namespace recast::format
