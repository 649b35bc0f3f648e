// Jobs and their statements as text again.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"
#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

namespace recast::lang {

/// Code::Usage, with the place, for what the language cannot say: rules that are not one chain,
/// other operations, names that it cannot spell.
Result<Job> exportJob(ir::ckpt::JobOp op);

} // namespace recast::lang
