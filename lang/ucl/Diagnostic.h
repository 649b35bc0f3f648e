// Errors about a place in a text: file:line:col, the line itself, a caret under the word.
#pragma once

#include "lang/ast/Ast.h"
#include "lang/ast/Words.h"
#include "runtime/base/Status.h"

#include <span>
#include <string>
#include <string_view>

namespace recast::lang {

/// The text that an error points into. A spec made by a program has none: then messages carry no
/// excerpt.
struct SourceText {
  std::string_view text;
  std::string_view file; ///< Shown as given; empty: "<text>".
};

/// `file:line:col: message`, and below it the line and a caret of `width` columns. Control
/// characters are shown as '?', long lines are cut around the caret.
std::string pointAt(const SourceText &source, Location where, size_t width,
                    std::string_view message);

/// A Code::Usage error with such a message.
Error errorAt(const SourceText &source, Location where, size_t width, std::string_view message);

/// "; did you mean `x`?" or nothing.
std::string didYouMean(std::string_view word, std::span<const std::string> candidates);
/// Of the available ones.
std::string didYouMean(std::string_view word, std::span<const KnownWord> candidates);

/// "`a`, `b` and `c`": the available words.
std::string listOf(std::span<const KnownWord> words, std::string_view conjunction = "and");
std::string quoted(std::string_view word);

} // namespace recast::lang
