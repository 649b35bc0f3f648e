// JSON as a stream of events whose first refusal ends the parse: base of small strict parsers. A
// document tree would let the last of two equal keys win, silently.
#pragma once

#include "runtime/base/Status.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace recast {

/// Handlers return false after `refuse`. What a subclass does not expect is refused.
class StrictJson : public nlohmann::json_sax<nlohmann::json> {
public:
  bool null() override { return refuse("null where none belongs"); }
  bool boolean(bool) override { return refuse("a boolean where none belongs"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_unsigned(number_unsigned_t) override { return refuse("a number where none belongs"); }
  bool number_float(number_float_t, const string_t &text) override {
    return refuse(fmt::format("'{}' is not a whole number of at most 64 bits", text));
  }
  bool string(string_t &) override { return refuse("a string where none belongs"); }
  bool binary(binary_t &) override { return refuse("binary data"); }
  bool start_array(std::size_t) override { return refuse("an array where none belongs"); }
  bool end_array() override { return true; }
  bool start_object(std::size_t) override { return refuse("an object where none belongs"); }
  bool end_object() override { return true; }
  bool key(string_t &) override { return true; }
  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    return refuse(fmt::format("not JSON at byte {}", position ? position - 1 : 0));
  }

  /// Feeds `text`, which has to be one JSON value; the first refusal is the error.
  Status parse(std::string_view text) {
    // The parser would skip a byte order mark, and take a NUL byte for the end.
    if (text.starts_with("\xEF\xBB\xBF"))
      refuse("it begins with a byte order mark");
    else if (size_t nul = text.find('\0'); nul != text.npos)
      refuse(fmt::format("not JSON at byte {}", nul));
    else if (!nlohmann::json::sax_parse(text, this) && !error_)
      refuse("not JSON");
    if (error_)
      return badInput(*error_);
    return {};
  }

protected:
  bool refuse(std::string why) {
    if (!error_)
      error_ = std::move(why);
    return false;
  }

private:
  std::optional<std::string> error_;
};

} // namespace recast
