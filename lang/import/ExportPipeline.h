// Pipelines as text again.
#pragma once

#include "dialect/Pipe/PipeDialect.h"
#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

namespace recast::lang {

/// Code::Usage, with the place, for names that the language cannot spell.
Result<Pipeline> exportPipeline(ir::pipe::ScheduleOp op);

} // namespace recast::lang
