// The one canonical way to lay out a `.ucl` text. Idempotent; every token and every comment stays.
#pragma once

#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace recast::lang {

/// Lays out a text: two blanks per level, one statement per line, short blocks on one line, at most
/// one empty line in a row, lines of at most 100 columns where words allow it, `as` of neighbouring
/// endpoints and comments behind neighbouring lines aligned. Comments stay with the token that they
/// stand before or behind. Fails like `parse`.
Result<std::string> formatText(std::string_view text, std::string file = {});

/// A spec as text. For every spec that `check` accepts, `parse(format(spec)) == spec`.
std::string format(const Spec &spec);

/// One expression as text, with the parentheses that it needs and no others.
std::string format(const ExprPtr &expr);

} // namespace recast::lang
