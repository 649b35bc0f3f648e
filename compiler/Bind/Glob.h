// Patterns over names: '*' any run of characters except '.', '**' any run, '?' one character.
#pragma once

#include <string_view>

namespace recast::compiler {

bool globMatches(std::string_view pattern, std::string_view text);
/// No wildcard in it: it names one thing, whose absence is an error.
bool isLiteral(std::string_view pattern);

} // namespace recast::compiler
