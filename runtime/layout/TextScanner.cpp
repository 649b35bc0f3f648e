#include "runtime/layout/TextScanner.h"

#include <charconv>
#include <fmt/format.h>

namespace recast::layout {

namespace {

// <cctype> depends on the locale; layouts do not.
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

} // namespace

bool isName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameLength || !isLetter(text.front()))
    return false;
  for (char c : text)
    if (!isLetter(c) && !isDigit(c))
      return false;
  return true;
}

void TextScanner::skipBlanks() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

bool TextScanner::atEnd() {
  skipBlanks();
  return at_ == text_.size();
}

char TextScanner::peek() { return atEnd() ? '\0' : text_[at_]; }

bool TextScanner::accept(std::string_view token) {
  skipBlanks();
  if (!text_.substr(at_).starts_with(token))
    return false;
  at_ += token.size();
  return true;
}

std::string_view TextScanner::peekName() {
  skipBlanks();
  size_t end = at_;
  if (end < text_.size() && isLetter(text_[end]))
    while (end < text_.size() && (isLetter(text_[end]) || isDigit(text_[end])))
      ++end;
  return text_.substr(at_, end - at_);
}

bool TextScanner::acceptWord(std::string_view word) {
  if (peekName() != word)
    return false;
  at_ += word.size();
  return true;
}

Status TextScanner::expect(std::string_view token) {
  if (!accept(token))
    return fail(error(fmt::format("expected '{}'", token)));
  return {};
}

Status TextScanner::expectWord(std::string_view word) {
  if (!acceptWord(word))
    return fail(error(fmt::format("expected '{}'", word)));
  return {};
}

Result<std::string> TextScanner::name(std::string_view what) {
  std::string_view found = peekName();
  if (found.empty())
    return fail(error(fmt::format("expected {}", what)));
  if (found.size() > kMaxNameLength)
    return fail(error(fmt::format("{} is longer than {} characters", what, kMaxNameLength)));
  at_ += found.size();
  return std::string(found);
}

Result<int64_t> TextScanner::number(std::string_view what) {
  skipBlanks();
  int64_t value = 0;
  const char *begin = text_.data() + at_, *end = text_.data() + text_.size();
  // from_chars would take a sign.
  if (begin == end || !isDigit(*begin))
    return fail(error(fmt::format("expected {} (a number)", what)));
  auto [rest, code] = std::from_chars(begin, end, value);
  if (code != std::errc())
    return fail(error(fmt::format("{} does not fit 64 bits", what)));
  if (rest != end && isLetter(*rest))
    return fail(error(fmt::format("expected {} (a number)", what)));
  at_ += rest - begin;
  return value;
}

Result<std::string> TextScanner::quoted(std::string_view what) {
  if (!accept("\""))
    return fail(error(fmt::format("expected {} in quotes", what)));
  size_t end = text_.find('"', at_);
  if (end == std::string_view::npos)
    return fail(error(fmt::format("{} has no closing quote", what)));
  std::string out(text_.substr(at_, end - at_));
  at_ = end + 1;
  return out;
}

Error TextScanner::error(std::string_view message) {
  skipBlanks();
  std::string got = "the end";
  if (at_ < text_.size()) {
    std::string_view rest = text_.substr(at_, 16);
    got = "'";
    // What is shown must be printable: hostile text ends up in terminals.
    for (char c : rest)
      got += c >= 0x20 && c < 0x7f ? c : '?';
    got += text_.size() - at_ > 16 ? "...'" : "'";
  }
  return Error(Code::BadInput, fmt::format("{} at column {}, got {}", message, at_ + 1, got));
}

} // namespace recast::layout
