#include "runtime/base/Text.h"

#include "runtime/base/Checked.h"

#include <charconv>
#include <fmt/format.h>
#include <utility>

namespace recast {

std::string bytesText(uint64_t bytes) {
  constexpr const char *kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024)
    return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit < 3; ++unit)
    value /= 1024;
  return fmt::format("{:.2f} {}", value, kUnits[unit]);
}

std::optional<uint64_t> parseBytes(std::string_view text) {
  static constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"", 1},
      {"b", 1},
      {"kb", 1000},
      {"mb", 1000'000},
      {"gb", 1000'000'000},
      {"tb", 1000'000'000'000},
      {"pb", 1000'000'000'000'000},
      {"kib", uint64_t{1} << 10},
      {"mib", uint64_t{1} << 20},
      {"gib", uint64_t{1} << 30},
      {"tib", uint64_t{1} << 40},
      {"pib", uint64_t{1} << 50},
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
        return checkedMul(number, factor);
  return std::nullopt;
}

namespace {

std::string shellQuoted(const std::string &word) {
  constexpr const char *kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-_./=:,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos)
    return word;
  std::string out = "'";
  for (char c : word)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

} // namespace

std::string commandText(int count, const char *const *words) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += (i ? " " : "") + shellQuoted(words[i]);
  return out;
}

} // namespace recast
