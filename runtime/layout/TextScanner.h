// Reads the small text forms of this folder (maps, layouts) word by word. Never looks past the end;
// every error names the column and shows what stands there.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast::layout {

/// Names of axes and mesh axes: a letter or `_`, then letters, digits, `_`.
inline constexpr size_t kMaxNameLength = 64;
bool isName(std::string_view text);

class TextScanner {
public:
  /// `text` must outlive the scanner.
  explicit TextScanner(std::string_view text) : text_(text) {}

  /// Nothing but blanks is left.
  bool atEnd();
  /// The next character after blanks, or '\0' at the end.
  char peek();
  /// Takes `token` if the rest starts with it (punctuation: no look at what follows).
  bool accept(std::string_view token);
  /// Takes `word` if the next name is exactly that.
  bool acceptWord(std::string_view word);
  Status expect(std::string_view token);
  Status expectWord(std::string_view word);
  /// The next name; `what` says in the error what was wanted.
  Result<std::string> name(std::string_view what);
  /// A decimal number in [0, INT64_MAX].
  Result<int64_t> number(std::string_view what);
  /// What stands between the next pair of `"`; there are no escapes.
  Result<std::string> quoted(std::string_view what);
  /// An error at the current position: `message, got ...`.
  Error error(std::string_view message);

private:
  void skipBlanks();
  std::string_view peekName();

  std::string_view text_;
  size_t at_ = 0;
};

} // namespace recast::layout
