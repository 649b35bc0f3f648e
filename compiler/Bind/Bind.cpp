#include "compiler/Bind/Bind.h"

#include "compiler/Bind/Arm.h"
#include "compiler/Bind/Condition.h"
#include "compiler/Bind/Emit.h"
#include "compiler/Bind/ReadJob.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Bind/Stages.h"
#include "compiler/Bind/Tables.h"
#include "compiler/Target/PlanIO.h"
#include "runtime/format/Cut.h"
#include "runtime/format/PlanSource.h"

#include "mlir/IR/Verifier.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

Result<format::Inventory> readSource(const Job &job) {
  format::ReadOptions options;
  options.format = job.source.format;
  for (const format::SourceArgument &argument : format::sourceArguments(job.source.format))
    if (auto given = job.source.options.find(std::string(argument.name));
        given != job.source.options.end())
      options.*argument.text = given->second;
  return format::readSoundInventory(job.source.path, options);
}

/// Whether the job asks for the armed check of weights; other `check`s are refused.
Result<bool> checkAsked(const Job &job) {
  bool asked = false;
  for (const Condition &check : job.checks) {
    if (!asksForWeightCheck(check, job.source))
      return fail(cannotBeArmed(check, job.source));
    asked = true;
  }
  return asked;
}

plan::Cut wantedCut(const CutCheck &check) {
  return check.wantsDrained ? plan::Cut::Drained : plan::Cut::NotDrained;
}

Status cutHolds(const CutCheck &check, const format::Inventory &source) {
  Status holds = format::checkCut(wantedCut(check), source);
  if (holds)
    return {};
  std::string message = specError(check.loc, holds.error().message()).message();
  return fail(Error(Code::Negative, std::move(message)).file(source.root));
}

/// What the job makes of the step of its source, besides copying it.
plan::Rebinding rebindingOf(const Job &job, const std::map<std::string, Stages> &stages) {
  if (std::any_of(job.expects.begin(), job.expects.end(), asksForStep))
    return plan::Rebinding::ExpectsStep;
  bool predicts = std::any_of(job.rules.begin(), job.rules.end(),
                              [](const RoleRule &rule) { return rule.predict.has_value(); });
  // The optimizer that a pipeline predicts by was compared with that of the source.
  for (const auto &[name, of] : stages)
    predicts |= of.pipeline.schedule.weights.rule == schedule::WeightRule::Predict;
  return predicts ? plan::Rebinding::Predicts : plan::Rebinding::Fits;
}

} // namespace

Result<Bound> bind(mlir::ModuleOp declared, const std::string &specText,
                   std::optional<format::Inventory> read) {
  RECAST_ASSIGN(Job job, readJob(declared));
  RECAST_ASSIGN(bool asked, checkAsked(job));
  if (!read) {
    RECAST_ASSIGN(read, readSource(job));
  }
  format::Inventory source = *std::move(read);
  for (const Condition &expect : job.expects)
    RECAST_TRY(expectHolds(expect, job.source, source));
  for (const CutCheck &cut : job.cuts)
    RECAST_TRY(cutHolds(cut, source));
  std::vector<std::string> notes = source.notes;
  std::string held = format::tensorsHash(source);
  RECAST_ASSIGN(Ends ends, bindEnds(declared, job, std::move(source)));
  RECAST_ASSIGN(auto stages, bindStages(declared, job, ends));
  Shares shares;
  shares.owns = [&](uint32_t target, uint32_t tensor) {
    const EndpointDecl &to = job.targets[target];
    return to.stages.empty() || stages.at(to.stages).isOn(tensor, to.stageRank);
  };
  shares.lag = [&](const std::string &pipeline, uint32_t target, uint32_t tensor) {
    const EndpointDecl &to = job.targets[target];
    return stages.at(pipeline).lagOf(tensor, to.stages == pipeline ? to.stageRank : plan::kNone);
  };
  RECAST_ASSIGN(Resolution resolution, resolve(job, ends, shares));
  RECAST_ASSIGN(std::vector<int32_t> armed, armChecks(job, ends.source, resolution, asked));

  plan::Plan plan;
  plan.spec = specText;
  plan.budget = job.budget;
  plan.rebinding = rebindingOf(job, stages);
  if (!job.cuts.empty())
    plan.cut = wantedCut(job.cuts.front()); // All of them hold, so they are the same.
  Strings strings;
  format::addSource(plan, job.source.name, ends.source);
  plan.sources[0].facts = {{format::kTensorsFact, std::move(held)}};
  for (const std::unique_ptr<BoundView> &view : ends.views)
    for (const std::string &config : view->model.configs) {
      RECAST_ASSIGN(auto fact, format::configFact(config, plan.sources[0].path));
      plan.sources[0].facts.insert(std::move(fact));
    }
  RECAST_TRY(addTargetTables(plan, job, ends, strings));
  std::vector<FamilyDraft> drafts = draftFamilies(job, ends.source, resolution, armed, strings);
  if (job.deadline)
    addDeadlines(plan, job, stages.at(job.deadline->pipeline), resolution, strings);
  plan.strings = strings.take();
  for (std::vector<plan::LeftOut> *list : {&ends.leftOut, &resolution.leftOut})
    for (plan::LeftOut &item : *list)
      plan.leftOut.push_back(std::move(item));

  Bound bound;
  bound.module = importPlan(plan, *declared.getContext());
  emitFamilies(*bound.module, job, ends.source.layouts, std::move(drafts));
  if (mlir::failed(mlir::verify(*bound.module)))
    return internal("bind made IR that does not verify");
  bound.notes = std::move(notes);
  bound.notes.insert(bound.notes.end(), resolution.notes.begin(), resolution.notes.end());
  return bound;
}

} // namespace recast::compiler
