// `files { "config.json", "tokenizer*" : copy from "..." }`
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

namespace recast::compiler {

/// The files that the job copies into target `target`, sorted by name. A name without wildcards
/// that does not exist is an error; a pattern may match nothing.
Result<std::vector<plan::SideFile>> sideFiles(const Job &job, uint32_t target);

} // namespace recast::compiler
