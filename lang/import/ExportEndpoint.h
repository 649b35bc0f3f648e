// Sources and targets as text again.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"
#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

namespace recast::lang {

/// Code::Usage, with the place, for names that the language cannot spell.
Result<Endpoint> exportEndpoint(ir::ckpt::SourceOp op);
Result<Endpoint> exportEndpoint(ir::ckpt::TargetOp op);

} // namespace recast::lang
