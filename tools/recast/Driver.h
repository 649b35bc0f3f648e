// From a specification to a plan, and from a plan to the process that executes it.
#pragma once

#include "compiler/Pipelines/Compile.h"
#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"

#include <optional>
#include <string>
#include <vector>

namespace recast::tools {

/// Reads, defines (`-D name=value`), checks and returns the spec in `path`.
Result<lang::Spec> loadSpec(const std::string &path, const std::vector<std::string> &defines);

/// The spec that declared IR in `path` says.
Result<lang::Spec> specFromMlir(const std::string &path);

/// Compiles a checked spec; keeps IR text if asked. Without `fuse` every target has reads of its
/// own.
struct CompileWishes {
  bool keepIr = false, keepRemarks = false, fuse = true;
  std::optional<format::Inventory> source =
      std::nullopt; ///< Of the spec, where it has been read already.
};
Result<compiler::Compiled> compileSpec(const lang::Spec &spec, CompileWishes wishes = {});

/// `path` as a plan: an .rplan is loaded, a .ucl compiled.
struct PlanOrJob {
  plan::Plan plan;
  std::vector<compiler::Proof> proofs;
  std::vector<std::string> notes;
  std::string declaredIr, boundIr, planIr;
  std::vector<compiler::Remark> remarks; ///< Of a job.
};
Result<PlanOrJob> loadPlanOrJob(const std::string &path, const std::vector<std::string> &defines,
                                const CompileWishes &wishes = {});

/// Replaces this process by `recast-run`, with the plan in a memory file and `arguments` behind it:
/// what executes links no LLVM. Returns only on failure.
Status executePlan(const plan::Plan &plan, const std::vector<std::string> &arguments);
/// The same with a plan that lies in a file.
Status executePlanFile(const std::string &path, const std::vector<std::string> &arguments);

} // namespace recast::tools
