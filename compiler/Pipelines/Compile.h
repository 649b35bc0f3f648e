// The way from declared IR to a proved plan: bind, normal form, merge, conversion, proofs.
#pragma once

#include "compiler/Pipelines/Remarks.h"
#include "compiler/Proofs/Prove.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"
#include "runtime/plan/Plan.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <optional>
#include <string>
#include <vector>

namespace recast::compiler {

struct Compiled {
  plan::Plan plan; ///< Verified, fingerprinted, proved.
  std::vector<Proof> proofs;
  std::vector<std::string> notes; ///< What the reader of the source wants the user to know.
  /// Text, only where `keepIr` asks for it.
  std::string declaredIr, boundIr, planIr;
  std::vector<Remark> remarks; ///< Of the passes, only where `keepRemarks` asks for them.
};

struct CompileOptions {
  std::string specText;
  bool keepIr = false;
  bool keepRemarks = false;
  /// false: what bind made is not normalised, merged or simplified, and every target has reads of
  /// its own.
  bool fuse = true;
  /// What the job's source holds, where it has been read already.
  std::optional<format::Inventory> source = std::nullopt;
};

/// Registers nothing globally; loads the dialects it needs into the module's context.
Result<Compiled> compile(mlir::ModuleOp declared, CompileOptions options);

/// The passes between bound IR and the plan dialect, in order.
void buildPlanPipeline(mlir::OpPassManager &manager, bool fuse = true);

} // namespace recast::compiler
