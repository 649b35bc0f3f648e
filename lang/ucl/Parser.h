// Text to AST. Total: any bytes give a Spec or one Code::Usage error that points at the first place
// where the text leaves the grammar.
#pragma once

#include "lang/ast/Ast.h"
#include "lang/ucl/Lexer.h"
#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace recast::lang {

/// Parses a whole `.ucl` text. `file` is only used in messages and kept in Spec::file. What the
/// text means is judged by `check`.
Result<Spec> parse(std::string_view text, std::string file = {});

/// Parses one expression, the whole of `text`.
Result<ExprPtr> parseValue(std::string_view text, std::string_view file);

/// The same as `parse` from tokens, which receive their layout flags on the way.
Result<Spec> parseTokens(const SourceText &source, TokenList &list);

} // namespace recast::lang
