// A JSON text as a tree whose readers refuse by path: "actions[1][4]: ...".
#pragma once

#include "runtime/base/Status.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace recast::schedule {

/// The most bytes of a text of schedules that are read.
constexpr size_t kMaxScheduleText = size_t{256} << 20;

/// The tree of one JSON value. Code::BadInput where the text is not JSON, repeats a key, nests
/// deeper than any form of schedules, holds null or fractions, or is above kMaxScheduleText.
Result<nlohmann::json> readJson(std::string_view text);

/// A value and where it stands. Borrows the tree, the values above it, and the text of keys.
class JsonValue {
public:
  explicit JsonValue(const nlohmann::json &root) : value_(root) {}

  bool isObject() const { return value_.is_object(); }
  bool isText() const { return value_.is_string(); }
  bool has(std::string_view key) const { return value_.is_object() && value_.contains(key); }

  /// The member `key` of an object.
  Result<JsonValue> member(std::string_view key) const;
  /// An object has no members but these.
  Status only(std::initializer_list<std::string_view> keys) const;
  /// How many elements an array has.
  Result<size_t> size() const;
  /// An element of an array, `index` below size().
  JsonValue at(size_t index) const { return {value_[index], *this, {}, index}; }

  Result<int32_t> integer(int32_t least, int32_t most) const;
  Result<bool> boolean() const;
  Result<std::string_view> text() const;
  /// The place in `names` of a text, which is one of them.
  Result<size_t> oneOf(std::span<const std::string_view> names) const;
  /// All elements of an array of numbers.
  Result<std::vector<int32_t>> integers(int32_t least, int32_t most) const;

  /// Code::BadInput with the path before `why`.
  tl::unexpected<Error> refuse(std::string_view why) const;

private:
  JsonValue(const nlohmann::json &value, const JsonValue &above, std::string_view key, size_t index)
      : value_(value), above_(&above), key_(key), index_(index) {}
  std::string path() const;

  const nlohmann::json &value_;
  const JsonValue *above_ = nullptr;
  std::string_view key_; ///< Empty for elements of arrays.
  size_t index_ = 0;
};

} // namespace recast::schedule
