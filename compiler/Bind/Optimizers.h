// Whether a run was trained by the optimizer that a job speaks of.
#pragma once

#include "compiler/Bind/Stages.h"

namespace recast::compiler {

/// What says that the optimizer of a run is not `rule`, for people ("its parameter group has
/// betas"); nothing where nothing contradicts. `group`: hyper-parameters, or null;
/// `hasSecondMoment`: of the tensor. Adam and AdamW without weight decay are the same, and so are
/// SGD with and without a momentum of 0.
std::optional<std::string> contradiction(schedule::Optimizer rule, const plan::Object *group,
                                         bool hasSecondMoment);

/// The optimizer that a pipeline, declared at `loc`, names is that of the run. Code::Usage, naming
/// a tensor.
Status checkOptimizer(const BoundPipeline &pipeline, mlir::Location loc,
                      const format::Inventory &source);
/// It is that of the `predict`s, too, which ask the pipeline how far ahead to look or go to its
/// stages. Code::Usage.
Status checkRules(const Job &job, const std::map<std::string, Stages> &stages);

} // namespace recast::compiler
