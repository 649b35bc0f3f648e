// What literals of the text are worth, and how values are written as literals.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast::lang {

struct SizeUnit {
  std::string_view name;
  unsigned shift; ///< One unit is 2^shift bytes.
};
inline constexpr std::array<SizeUnit, 6> kSizeUnits = {
    {{"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"PiB", 50}}};

/// `12`; nothing if it does not fit.
std::optional<int64_t> parseInteger(std::string_view digits);
/// `512MiB` in bytes; nothing if it does not fit or the unit is unknown.
std::optional<int64_t> parseSize(std::string_view spelling);
/// `0.5`, `2e-2`; nothing if it does not fit a double.
std::optional<double> parseReal(std::string_view spelling);
/// 0 to 15, or -1.
int hexDigit(char c);

/// Value of a token that `lex` accepted.
int64_t integerOf(std::string_view spelling); ///< Int, and Size in bytes.
double realOf(std::string_view spelling);
std::string stringOf(std::string_view spelling); ///< Without quotes, escapes replaced.

/// `"..."` such that stringOf gives `value` back. Not for values that hold a NUL byte.
std::string spellString(std::string_view value);

/// Length in bytes of the UTF-8 character at the front of `text`; 0 if there is no valid one.
size_t utf8Length(std::string_view text);

} // namespace recast::lang
