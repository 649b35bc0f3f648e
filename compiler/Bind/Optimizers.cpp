#include "compiler/Bind/Optimizers.h"

#include "compiler/Bind/HyperParameters.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Schedule/WeightWords.h"

#include <fmt/format.h>
#include <set>

namespace recast::compiler {
namespace {

using namespace recast::ir;
using schedule::Optimizer;

std::optional<double> numberIn(const plan::Object *group, const char *key) {
  const plan::Object *value = group ? group->find(key) : nullptr;
  return value ? objectNumber(*value) : std::nullopt;
}

/// The rule that a `predict` names; nothing where it names none that is known.
std::optional<Optimizer> ruleOf(const PredictRule &predict) {
  auto word = llvm::dyn_cast_or_null<ckpt::WordAttr>(predict.given("rule"));
  if (!word)
    return std::nullopt;
  return schedule::valueOf<Optimizer>(schedule::kOptimizerWords, word.getText().str());
}

/// A `predict` and a pipeline that it has to do with.
Status checkRule(const RoleRule &rule, const BoundPipeline &pipeline) {
  const Optimizer of = pipeline.schedule.weights.optimizer;
  const std::optional<Optimizer> own = ruleOf(*rule.predict);
  if (of == Optimizer::Unknown || !own || *own == of)
    return {};
  return fail(specError(rule.loc, fmt::format("`predict`: its rule is {}, and pipeline `{}` "
                                              "predicts by {}",
                                              name(*own), pipeline.name, name(of)))
                  .hint("One run has one optimizer: say the same in both."));
}

} // namespace

std::optional<std::string> contradiction(Optimizer rule, const plan::Object *group,
                                         bool hasSecondMoment) {
  if (rule == Optimizer::Unknown)
    return std::nullopt;
  const bool wantsAdam = rule == Optimizer::Adam || rule == Optimizer::AdamW;
  const bool hasBetas = group && group->find("betas");
  const std::optional<double> momentum = numberIn(group, "momentum");
  if (!wantsAdam) {
    if (hasSecondMoment)
      return "it has second moments (exp_avg_sq), as Adam and AdamW do";
    if (hasBetas)
      return "its parameter group has betas, as those of Adam and AdamW do";
    if (rule == Optimizer::Sgd && momentum && *momentum != 0)
      return fmt::format("its parameter group says momentum = {}, as that of SGDM does", *momentum);
    return std::nullopt;
  }
  if (momentum && !hasBetas && !hasSecondMoment)
    return "its parameter group has momentum and no betas, as those of SGD do";
  // What torch writes since its AdamW is an Adam.
  const plan::Object *decoupled = group ? group->find("decoupled_weight_decay") : nullptr;
  if (decoupled && decoupled->kind == plan::Object::Kind::Bool &&
      (decoupled->integer != 0) != (rule == Optimizer::AdamW) &&
      numberIn(group, "weight_decay").value_or(0) != 0)
    return fmt::format("its parameter group says decoupled_weight_decay = {} with a weight_decay, "
                       "as that of {} does",
                       decoupled->integer ? "True" : "False",
                       decoupled->integer ? "AdamW" : "Adam");
  return std::nullopt;
}

Status checkOptimizer(const BoundPipeline &pipeline, mlir::Location loc,
                      const format::Inventory &source) {
  const Optimizer optimizer = pipeline.schedule.weights.optimizer;
  if (optimizer == Optimizer::Unknown)
    return {};
  auto differs = [&](const std::string &what, const std::string &tensor) {
    return fail(specError(loc, fmt::format("pipeline `{}` predicts by {}, which is not the "
                                           "optimizer of the run: {}",
                                           pipeline.name, name(optimizer), what))
                    .tensor(tensor)
                    .file(source.root)
                    .hint("`recast inspect` shows the parameter groups; see `weights = "
                          "predict(..)` of the pipeline."));
  };
  for (const format::Group &group : source.groups)
    if (auto what = contradiction(optimizer, group.hyper.get(), false))
      return differs(*what, group.names.empty() ? Name() : group.names.front());
  for (const format::Tensor &tensor : source.tensors)
    if (tensor.role == format::role::kExpAvgSq)
      if (auto what = contradiction(optimizer, nullptr, true))
        return differs(*what, tensor.name);
  return {};
}

Status checkRules(const Job &job, const std::map<std::string, Stages> &stages) {
  for (const RoleRule &rule : job.rules) {
    if (!rule.predict)
      continue;
    std::set<std::string> pipelines = {rule.predict->lagOf()};
    for (uint32_t target : rule.targets)
      pipelines.insert(job.targets[target].stages);
    for (const std::string &pipeline : pipelines)
      if (auto found = stages.find(pipeline); found != stages.end())
        RECAST_TRY(checkRule(rule, found->second.pipeline));
  }
  return {};
}

} // namespace recast::compiler
