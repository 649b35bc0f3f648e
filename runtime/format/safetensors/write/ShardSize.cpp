#include "runtime/format/safetensors/write/ShardSize.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"

#include <charconv>
#include <fmt/format.h>

namespace recast::format {

Result<uint64_t> parseShardSize(std::string_view text) {
  static constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"", 1},
      {"b", 1},
      {"kb", 1000},
      {"mb", 1000'000},
      {"gb", 1000'000'000},
      {"tb", 1000'000'000'000},
      {"kib", uint64_t{1} << 10},
      {"mib", uint64_t{1} << 20},
      {"gib", uint64_t{1} << 30},
      {"tib", uint64_t{1} << 40},
  };
  uint64_t number = 0;
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit;
  for (char c : text.substr(static_cast<size_t>(rest - text.data())))
    if (c != ' ')
      unit += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (error == std::errc() && number > 0)
    for (const auto &[name, factor] : kUnits)
      if (unit == name)
        if (auto bytes = checkedMul(number, factor))
          return *bytes;
  return fail(
      Error(Code::Usage, fmt::format("max_shard_size = '{}' is not a size", printable(text, 40)))
          .hint("Write bytes or a whole number with a unit, such as 5GB or 512MiB."));
}

} // namespace recast::format
