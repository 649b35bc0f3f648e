// Values given to a spec from outside.
#pragma once

#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

#include <string_view>

namespace recast::lang {

/// Gives the `let` called `name` another value, as `-D name=value` does. Where the spec binds a
/// text the value is taken literally, as it is in a shell; otherwise it is parsed as an expression.
/// Call it before `check`.
Status define(Spec &spec, std::string_view name, std::string_view valueText);

} // namespace recast::lang
