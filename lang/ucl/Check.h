// What a spec says, judged without looking at any file: names that nothing bears, statements that
// contradict each other, operations that do not exist.
#pragma once

#include "lang/ast/Ast.h"
#include "lang/ucl/Define.h" // IWYU pragma: export
#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace recast::lang {

/// Refuses a spec that no checkpoint could make right. The error (Code::Usage) lists up to eight
/// findings in the order of the text; with `text`, the text that `spec` was parsed from, each shows
/// its line. Holds for parsed and built specs alike: a spec that passes can be written as text.
Status check(const Spec &spec, std::string_view text = {});

/// `parse`, `link` with the standard library alone, then `check`.
Result<Spec> parseAndCheck(std::string_view text, std::string file = {});

} // namespace recast::lang
