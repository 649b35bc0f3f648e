#include "lang/ucl/Diagnostic.h"

#include "runtime/base/NearestName.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

namespace recast::lang {
namespace {
constexpr size_t kShown = 100; ///< Bytes of a line that are shown.

bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string_view lineOf(std::string_view text, uint32_t line) {
  size_t begin = 0;
  for (uint32_t at = 1; at < line; ++at) {
    size_t end = text.find('\n', begin);
    if (end == std::string_view::npos)
      return {};
    begin = end + 1;
  }
  std::string_view rest = text.substr(begin);
  std::string_view found = rest.substr(0, rest.find('\n'));
  if (found.ends_with('\r'))
    found.remove_suffix(1);
  return line == 1 && found.starts_with("\xEF\xBB\xBF") ? found.substr(3) : found;
}

/// Byte offset of a column (counted in characters, from 1).
size_t byteOf(std::string_view line, uint32_t column) {
  uint32_t at = 0;
  for (size_t i = 0; i < line.size(); ++i)
    if (!isContinuation(line[i]) && ++at == column)
      return i;
  return line.size();
}
} // namespace

std::string quoted(std::string_view word) { return fmt::format("`{}`", word); }

std::string pointAt(const SourceText &source, Location where, size_t width,
                    std::string_view message) {
  std::string file(source.file.empty() ? std::string_view("<text>") : source.file);
  if (where.line == 0) // Made by a program: there is no place to show.
    return source.file.empty() ? std::string(message) : fmt::format("{}: {}", file, message);
  std::string out = fmt::format("{}:{}:{}: {}", file, where.line, where.column, message);
  if (source.text.empty())
    return out;

  std::string_view line = lineOf(source.text, where.line);
  size_t caret = byteOf(line, where.column);
  size_t begin = caret > kShown * 2 / 3 ? caret - kShown * 2 / 3 : 0;
  while (begin < line.size() && isContinuation(line[begin]))
    ++begin;
  size_t end = std::min(line.size(), begin + kShown);
  while (end < line.size() && isContinuation(line[end]))
    ++end;

  std::string shown, pad;
  size_t carets = 0;
  for (size_t i = begin; i < end; ++i) {
    auto c = static_cast<unsigned char>(line[i]);
    bool isControl = (c < 0x20 && c != '\t') || c == 0x7F;
    shown += isControl ? '?' : line[i];
    if (isContinuation(line[i]))
      continue;
    if (i < caret)
      pad += c == '\t' ? '\t' : ' ';
    else if (i < caret + width)
      ++carets;
  }
  std::string number = std::to_string(where.line);
  out += fmt::format("\n  {} | {}\n  {} | {}^{}", number, shown, std::string(number.size(), ' '),
                     pad, std::string(carets > 1 ? carets - 1 : 0, '~'));
  return out;
}

Error errorAt(const SourceText &source, Location where, size_t width, std::string_view message) {
  return Error(Code::Usage, pointAt(source, where, width, message));
}

std::string didYouMean(std::string_view word, std::span<const std::string> candidates) {
  // A word of kilobytes is no typing error, and distances to it cost.
  std::string nearest = word.size() <= 100 ? nearestName(word, candidates) : std::string();
  return nearest.empty() ? std::string() : fmt::format("; did you mean `{}`?", nearest);
}

std::string didYouMean(std::string_view word, std::span<const KnownWord> candidates) {
  std::vector<std::string> names;
  for (const KnownWord &candidate : candidates)
    if (candidate.available)
      names.emplace_back(candidate.name);
  return didYouMean(word, names);
}

std::string listOf(std::span<const KnownWord> words, std::string_view conjunction) {
  std::vector<std::string_view> names;
  for (const KnownWord &word : words)
    if (word.available)
      names.push_back(word.name);
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i != 0)
      out += i + 1 == names.size() ? fmt::format(" {} ", conjunction) : std::string(", ");
    out += quoted(names[i]);
  }
  return out;
}

} // namespace recast::lang
