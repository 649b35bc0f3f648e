#include "compiler/Schedule/JsonTree.h"

#include "runtime/base/Printable.h"
#include "runtime/base/StrictJson.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <vector>

namespace recast::schedule {
namespace {
using nlohmann::json;

/// An object, lists of ranks, of steps, of instructions.
constexpr size_t kMaxDepth = 8;

class TreeBuilder : public StrictJson {
public:
  json root;

  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool end_array() override { return close(); }
  bool end_object() override { return close(); }
  bool key(string_t &key) override {
    json &object = *open_.back();
    if (object.contains(key))
      return refuse(fmt::format("key '{}' twice in one object", printable(key)));
    key_ = std::move(key);
    return true;
  }

private:
  json *place(json value) {
    if (open_.empty())
      return &(root = std::move(value));
    json &above = *open_.back();
    if (above.is_object())
      return &(above[std::move(key_)] = std::move(value));
    above.push_back(std::move(value));
    return &above.back();
  }
  template <typename T> bool add(T value) {
    place(json(std::move(value)));
    return true;
  }
  bool open(json container) {
    if (open_.size() == kMaxDepth)
      return refuse(fmt::format("nested deeper than {} levels", kMaxDepth));
    open_.push_back(place(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  // Only the innermost container grows: pointers to those around it stay good.
  std::vector<json *> open_;
  std::string key_;
};

} // namespace

Result<json> readJson(std::string_view text) {
  if (text.size() > kMaxScheduleText)
    return badInput(fmt::format("{} bytes; at most {} are read", text.size(), kMaxScheduleText));
  TreeBuilder builder;
  RECAST_TRY(builder.parse(text));
  return std::move(builder.root);
}

std::string JsonValue::path() const {
  if (!above_)
    return {};
  std::string above = above_->path();
  if (key_.empty())
    return fmt::format("{}[{}]", above, index_);
  return above.empty() ? std::string(key_) : fmt::format("{}.{}", above, key_);
}

tl::unexpected<Error> JsonValue::refuse(std::string_view why) const {
  std::string where = path();
  return badInput(where.empty() ? std::string(why) : fmt::format("{}: {}", where, why));
}

Result<JsonValue> JsonValue::member(std::string_view key) const {
  if (!value_.is_object())
    return refuse("an object is expected");
  auto found = value_.find(key);
  if (found == value_.end())
    return refuse(fmt::format("the key '{}' is missing", key));
  return JsonValue(*found, *this, key, 0);
}

Status JsonValue::only(std::initializer_list<std::string_view> keys) const {
  if (!value_.is_object())
    return refuse("an object is expected");
  for (const auto &[key, value] : value_.items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      return refuse(
          fmt::format("there is no key '{}'; known: {}", printable(key), fmt::join(keys, ", ")));
  return {};
}

Result<size_t> JsonValue::size() const {
  if (!value_.is_array())
    return refuse("an array is expected");
  return value_.size();
}

Result<int32_t> JsonValue::integer(int32_t least, int32_t most) const {
  if (!value_.is_number_integer())
    return refuse("a whole number is expected");
  // Numbers above 2^63 are kept without sign; as int64 they would be negative.
  int64_t number = value_.get<int64_t>();
  if ((value_.is_number_unsigned() && number < 0) || number < least || number > most)
    return refuse(fmt::format("{} is not between {} and {}", value_.dump(), least, most));
  return static_cast<int32_t>(number);
}

Result<bool> JsonValue::boolean() const {
  if (!value_.is_boolean())
    return refuse("true or false is expected");
  return value_.get<bool>();
}

Result<std::string_view> JsonValue::text() const {
  if (!value_.is_string())
    return refuse("a string is expected");
  return std::string_view(value_.get_ref<const std::string &>());
}

Result<size_t> JsonValue::oneOf(std::span<const std::string_view> names) const {
  RECAST_ASSIGN(std::string_view name, text());
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    return refuse(fmt::format("'{}' is none of {}", printable(name), fmt::join(names, ", ")));
  return static_cast<size_t>(found - names.begin());
}

Result<std::vector<int32_t>> JsonValue::integers(int32_t least, int32_t most) const {
  RECAST_ASSIGN(size_t count, size());
  std::vector<int32_t> out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    RECAST_ASSIGN(int32_t number, at(i).integer(least, most));
    out.push_back(number);
  }
  return out;
}

} // namespace recast::schedule
