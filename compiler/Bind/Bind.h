// Bind: declared IR becomes bound IR. Reads the source's metadata, never its bulk data.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>
#include <vector>

namespace recast::compiler {

struct Bound {
  /// `plan.*` tables (sources, buffers, targets, objects) and one `ckpt.family` per recipe.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<std::string> notes; ///< What the reader wants the user to know.
};

/// Binds the one job of `declared`. `specText` goes into the plan as provenance. `read`: what
/// readSoundInventory() says of the job's source, where the caller has asked already.
Result<Bound> bind(mlir::ModuleOp declared, const std::string &specText,
                   std::optional<format::Inventory> read = std::nullopt);

} // namespace recast::compiler
