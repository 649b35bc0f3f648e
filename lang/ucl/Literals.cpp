#include "lang/ucl/Literals.h"

#include "runtime/base/Checked.h"

#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace recast::lang {

int hexDigit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<int64_t> parseInteger(std::string_view digits) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

std::optional<int64_t> parseSize(std::string_view spelling) {
  size_t split = spelling.find_first_not_of("0123456789");
  auto count = parseInteger(spelling.substr(0, split));
  for (auto [unit, shift] : kSizeUnits)
    if (count && spelling.substr(split) == unit)
      return checkedMul(*count, int64_t{1} << shift);
  return std::nullopt;
}

std::optional<double> parseReal(std::string_view spelling) {
  double value = 0;
  auto parsed = std::from_chars(spelling.data(), spelling.data() + spelling.size(), value);
  if (parsed.ec != std::errc() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

int64_t integerOf(std::string_view spelling) {
  bool hasUnit = spelling.back() < '0' || spelling.back() > '9';
  return (hasUnit ? parseSize(spelling) : parseInteger(spelling)).value_or(0);
}

double realOf(std::string_view spelling) { return parseReal(spelling).value_or(0); }

std::string stringOf(std::string_view spelling) {
  std::string out;
  for (size_t i = 1; i + 1 < spelling.size(); ++i) {
    if (spelling[i] != '\\') {
      out += spelling[i];
      continue;
    }
    char c = spelling[++i];
    if (c == 'x') {
      out += static_cast<char>(hexDigit(spelling[i + 1]) * 16 + hexDigit(spelling[i + 2]));
      i += 2;
    } else {
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
  }
  return out;
}

std::string spellString(std::string_view value) {
  std::string out = "\"";
  for (size_t i = 0; i < value.size();) {
    auto c = static_cast<unsigned char>(value[i]);
    size_t length = utf8Length(value.substr(i));
    if (c == '"' || c == '\\') {
      out += '\\';
      out += value[i];
    } else if (c == '\n' || c == '\t') {
      out += c == '\n' ? "\\n" : "\\t";
    } else if (c < 0x20 || c == 0x7F || length == 0) {
      out += fmt::format("\\x{:02x}", c);
      length = 1;
    } else {
      out += value.substr(i, length);
    }
    i += length;
  }
  return out + '"';
}

size_t utf8Length(std::string_view text) {
  if (text.empty())
    return 0;
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned lead = byte(0);
  if (lead < 0x80)
    return 1;
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F))
    return 0;
  return length;
}

} // namespace recast::lang
