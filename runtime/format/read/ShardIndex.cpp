#include "runtime/format/read/ShardIndex.h"

#include "runtime/base/Printable.h"
#include "runtime/base/StrictJson.h"
#include "runtime/io/Directory.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <unordered_set>

namespace recast::format {
namespace {

/// `{"metadata": anything, "weight_map": {string: string}}`; other keys are skipped.
class IndexJson : public StrictJson {
public:
  explicit IndexJson(ShardIndex &index) : index_(index) {}

  bool start_object(std::size_t) override {
    if (depth_ == 1 && key_ == "weight_map")
      inMap_ = true;
    else if (inMap_)
      return refuse("weight_map holds something other than file names");
    return open();
  }
  bool end_object() override {
    --depth_;
    if (depth_ == 1)
      inMap_ = false;
    return true;
  }
  bool start_array(std::size_t) override { return value() && open(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_float(number_float_t, const string_t &) override { return value(); }
  bool number_unsigned(number_unsigned_t number) override {
    if (depth_ == 2 && top_ == "metadata" && key_ == "total_size")
      index_.totalSize = number;
    return value();
  }
  bool string(string_t &text) override {
    if (!inMap_)
      return value();
    if (!io::checkRelativePath(text))
      return refuse(fmt::format("tensor '{}' is mapped to '{}', which does not stay inside the "
                                "model's folder",
                                printable(key_), printable(text)));
    index_.weightMap.emplace_back(key_, text);
    return true;
  }
  bool key(string_t &text) override {
    if (depth_ == 1) {
      if (!tops_.insert(text).second)
        return refuse(fmt::format("the key '{}' occurs twice", printable(text)));
      top_ = text;
    }
    if (inMap_ && !names_.insert(text).second)
      return refuse(fmt::format("tensor '{}' occurs twice in weight_map", printable(text)));
    key_ = text;
    return true;
  }

  bool hasMap() const { return tops_.contains("weight_map"); }

private:
  static constexpr int kMaxDepth = 100;

  bool open() { return ++depth_ <= kMaxDepth || refuse("nested too deeply"); }
  bool value() {
    if (depth_ == 0)
      return refuse("it is not an object");
    if (inMap_ || (depth_ == 1 && key_ == "weight_map"))
      return refuse("weight_map does not map names to file names");
    return true;
  }

  ShardIndex &index_;
  int depth_ = 0;
  bool inMap_ = false;
  string_t key_, top_;
  std::set<std::string> tops_;
  std::unordered_set<std::string> names_;
};

struct ShardName {
  std::string before, after; ///< "model", ".safetensors"
  size_t width = 0;
  uint64_t number = 0, count = 0;
};

std::optional<uint64_t> parseNumber(std::string_view text) {
  uint64_t value = 0;
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

std::optional<ShardName> parseShardName(std::string_view name) {
  size_t of = name.rfind("-of-");
  if (of == name.npos || of == 0)
    return std::nullopt;
  size_t dash = name.rfind('-', of - 1);
  size_t dot = name.find('.', of);
  if (dash == name.npos || dot == name.npos)
    return std::nullopt;
  auto number = parseNumber(name.substr(dash + 1, of - dash - 1));
  auto count = parseNumber(name.substr(of + 4, dot - of - 4));
  if (!number || !count)
    return std::nullopt;
  return ShardName{std::string(name.substr(0, dash)), std::string(name.substr(dot)), of - dash - 1,
                   *number, *count};
}

} // namespace

Result<ShardIndex> parseShardIndex(std::string_view json) {
  ShardIndex index;
  IndexJson parser(index);
  if (auto parsed = parser.parse(json); !parsed)
    return badInput(fmt::format("bad shard index: {}", parsed.error().message()));
  if (!parser.hasMap())
    return badInput("bad shard index: it has no weight_map");
  return index;
}

std::optional<std::string> missingShard(const std::vector<std::string> &names) {
  // Sets are told apart by everything but the number.
  std::map<std::tuple<std::string, std::string, uint64_t>, std::pair<size_t, std::set<uint64_t>>>
      sets;
  for (const std::string &name : names)
    if (auto shard = parseShardName(name)) {
      auto &[width, numbers] = sets[{shard->before, shard->after, shard->count}];
      width = shard->width;
      numbers.insert(shard->number);
    }
  for (const auto &[set, found] : sets) {
    const auto &[before, after, count] = set;
    uint64_t expected = 1;
    for (uint64_t number : found.second)
      if (number == expected)
        ++expected;
    if (expected <= count)
      return fmt::format("{}-{:0{}}-of-{:0{}}{}", before, expected, found.first, count, found.first,
                         after);
  }
  return std::nullopt;
}

} // namespace recast::format
