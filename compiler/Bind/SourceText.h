// Errors about a specification: "job.ucl:7:3: ...", or plain when a program built it.
#pragma once

#include "runtime/base/Status.h"

#include "mlir/IR/Location.h"

#include <string_view>

namespace recast::compiler {

/// Code::Usage error at `loc`; `nearest`, if not empty, becomes a "did you mean".
Error specError(mlir::Location loc, std::string_view message, std::string_view nearest = {});

} // namespace recast::compiler
