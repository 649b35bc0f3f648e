#include "compiler/Bind/Stages.h"

#include "compiler/Bind/AssignTensors.h"
#include "compiler/Bind/Optimizers.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Schedule/Tied.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace recast::compiler {
using namespace recast::ir;

std::optional<int32_t> Stages::lagOf(uint32_t tensor, uint32_t rank) const {
  std::optional<int32_t> out;
  for (int32_t stage : owners[tensor]) {
    auto s = static_cast<size_t>(stage);
    if (rank != plan::kNone && pipeline.schedule.rankOf[s] != static_cast<int32_t>(rank))
      continue;
    if (out && *out != pipeline.stages[s].lag)
      return std::nullopt;
    out = pipeline.stages[s].lag;
  }
  return out;
}

bool Stages::isOn(uint32_t tensor, uint32_t rank) const {
  return std::any_of(owners[tensor].begin(), owners[tensor].end(), [&](int32_t stage) {
    return pipeline.schedule.rankOf[static_cast<size_t>(stage)] == static_cast<int32_t>(rank);
  });
}

namespace {

/// Copies of tied weights that part, unless the specification says that they are kept equal.
Status checkTies(pipe::ScheduleOp op, const Stages &stages, const Ends &ends) {
  for (uint32_t i = 0; i < stages.owners.size(); ++i) {
    const std::vector<int32_t> &owners = stages.owners[i];
    if (owners.size() < 2)
      continue;
    std::pair<int32_t, int32_t> pair{owners.front(), owners.back()};
    Status tied =
        schedule::checkTied(stages.pipeline.schedule, stages.pipeline.versions, {&pair, 1});
    if (!tied)
      return fail(specError(op.getLoc(), fmt::format("pipeline `{}`: {}", op.getSymName().str(),
                                                     tied.error().message()))
                      .tensor(ends.source.tensors[i].name)
                      .hint("Take a synchronous kind, give both to one stage, or, if the training "
                            "program keeps them equal at every update, write `ties = synced`."));
  }
  return {};
}

Result<Stages> assignStages(pipe::ScheduleOp op, const Ends &ends) {
  Stages out;
  RECAST_ASSIGN(out.pipeline, bindPipeline(op));
  RECAST_ASSIGN(out.owners, assignTensors(op, ends, out.pipeline.schedule.stages()));
  if (!op.getArg("ties"))
    RECAST_TRY(checkTies(op, out, ends));
  return out;
}

} // namespace

Result<std::map<std::string, Stages>> bindStages(mlir::ModuleOp module, const Job &job,
                                                 const Ends &ends) {
  std::map<std::string, Stages> out;
  auto add = [&](const std::string &name, mlir::Location loc) -> Status {
    if (name.empty() || out.contains(name))
      return {};
    auto op = mlir::SymbolTable::lookupNearestSymbolFrom<pipe::ScheduleOp>(
        module, mlir::StringAttr::get(module.getContext(), name));
    if (!op)
      return fail(specError(loc, fmt::format("`{}` is no declared pipeline", name)));
    RECAST_ASSIGN(Stages stages, assignStages(op, ends));
    RECAST_TRY(checkOptimizer(stages.pipeline, op.getLoc(), ends.source));
    out.emplace(name, std::move(stages));
    return {};
  };
  for (const EndpointDecl &target : job.targets)
    RECAST_TRY(add(target.stages, target.loc));
  if (job.deadline)
    RECAST_TRY(add(job.deadline->pipeline, job.deadline->loc));
  for (const RoleRule &rule : job.rules)
    if (rule.predict)
      RECAST_TRY(add(rule.predict->lagOf(), rule.loc));
  RECAST_TRY(checkRules(job, out));
  return out;
}

void addDeadlines(plan::Plan &plan, const Job &job, const Stages &stages,
                  const Resolution &resolution, Strings &strings) {
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, double> due;
  const std::vector<uint32_t> &targets = job.deadline->targets;
  for (const Cell &cell : resolution.cells) {
    if (std::find(targets.begin(), targets.end(), cell.target) == targets.end())
      continue;
    uint32_t rank = job.targets[cell.target].stageRank;
    for (int32_t stage : stages.owners[cell.tensor]) {
      auto s = static_cast<size_t>(stage);
      if (rank != plan::kNone && stages.pipeline.schedule.rankOf[s] != static_cast<int32_t>(rank))
        continue;
      const StageTimes &times = stages.pipeline.stages[s];
      bool runs = cell.role == format::role::kWeight || cell.role == format::role::kFrozen ||
                  cell.role == format::role::kBuffer;
      double time = runs                   ? times.forward
                    : cell.role == "ahead" ? times.ahead.value_or(times.update)
                                           : times.update;
      auto [entry, isNew] =
          due.try_emplace({cell.target, strings.id(cell.to.name), strings.id(cell.role)}, time);
      entry->second = std::min(entry->second, time);
    }
  }
  for (const auto &[tensor, time] : due)
    plan.deadlines.push_back({std::get<0>(tensor), std::get<1>(tensor), std::get<2>(tensor), time});
  plan.pipeline = stages.pipeline.name;
  plan.pipelineTime = stages.pipeline.firstUpdates;
}

} // namespace recast::compiler
