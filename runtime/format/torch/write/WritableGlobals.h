// Which classes and functions may be named in a pickle that Recast writes. Narrower than what the
// reader understands: loading our file calls what stands here, so nothing may do more than build a
// small value from its arguments.
#pragma once

#include <string_view>

namespace recast::format::torch {

/// May stand in a pickle as a value: the callables below, torch dtypes, builtin types.
bool isWritableGlobal(std::string_view module, std::string_view name);
/// May be called (REDUCE) or instantiated (NEWOBJ).
bool isWritableCallable(std::string_view module, std::string_view name);
/// An enum whose members old interpreters pickle as `getattr(Enum, "MEMBER")`.
bool isWritableEnum(std::string_view module, std::string_view name);

} // namespace recast::format::torch
