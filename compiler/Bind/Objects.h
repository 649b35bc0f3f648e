// Which objects of the source a target keeps.
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/TargetWriter.h"
#include "runtime/plan/Plan.h"

namespace recast::compiler {

/// Objects of `source` that target `target` keeps, by name; dropped ones are added to `leftOut`.
Result<std::map<std::string, plan::ObjectPtr>> keptObjects(const Job &job, uint32_t target,
                                                           const format::Inventory &source,
                                                           const format::TargetTraits &traits,
                                                           std::vector<plan::LeftOut> &leftOut);

/// A parameter group whose `params` are names, as torch's distributed checkpoints have them.
plan::ObjectPtr groupByName(const std::vector<Name> &names, const plan::Object &hyper);

} // namespace recast::compiler
