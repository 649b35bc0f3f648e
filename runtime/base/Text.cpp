#include "runtime/base/Text.h"

#include <fmt/format.h>

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
