// A program is made by our own code from a verified plan, and still nothing below relies on luck:
// indices, ranges, dtypes and names are checked once, before a byte moves.
#pragma once

#include "runtime/exec/Program.h"

namespace recast::exec {

/// Code::Internal for what only a bug can cause, Code::BadInput for unsafe names.
Status validate(const Program &program);

} // namespace recast::exec
