#include "compiler/Bind/BindPipeline.h"

#include "compiler/Bind/SourceText.h"
#include "compiler/Pipe/DeclaredSchedule.h"
#include "compiler/Schedule/Check.h"
#include "compiler/Schedule/Simulate.h"
#include "compiler/Schedule/Updates.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;
using schedule::ActionKind;

/// An error with the place of the declaration.
template <typename T> Result<T> located(pipe::ScheduleOp op, Result<T> result) {
  if (result)
    return result;
  const Error &error = result.error();
  return fail(specError(op.getLoc(),
                        fmt::format("pipeline `{}`: {}", op.getSymName().str(), error.message()))
                  .hint(error.hintText()));
}

} // namespace

Result<BoundPipeline> bindPipeline(pipe::ScheduleOp op) {
  BoundPipeline out;
  out.name = op.getSymName().str();
  RECAST_ASSIGN(DeclaredSchedule declared, located(op, readSchedule(op)));
  out.schedule = schedule::withOptimizerSteps(std::move(declared.lists));
  for (const schedule::Finding &finding : schedule::check(out.schedule))
    if (finding.severity == schedule::Severity::Error)
      return fail(specError(op.getLoc(), fmt::format("pipeline `{}`: [{}] {}", out.name,
                                                     finding.code, finding.message))
                      .hint("`recast pipe check FILE.ucl` lists all that is wrong with it."));
  schedule::SimulateOptions options;
  options.costs = std::move(declared.costs);
  RECAST_ASSIGN(schedule::Simulation times, located(op, schedule::simulate(out.schedule, options)));
  RECAST_ASSIGN(out.versions, located(op, schedule::versionsOf(out.schedule)));
  const schedule::Versions &versions = out.versions;

  std::vector<bool> met(out.schedule.rankOf.size()), updated(met.size());
  out.stages.resize(met.size());
  for (size_t rank = 0; rank < out.schedule.actions.size(); ++rank)
    for (size_t i = 0; i < out.schedule.actions[rank].size(); ++i) {
      const schedule::Action &action = out.schedule.actions[rank][i];
      auto s = static_cast<size_t>(action.stage);
      StageTimes &stage = out.stages[s];
      double start = times.start[rank][i];
      if (action.kind == ActionKind::Forward) {
        if (!met[s])
          stage.forward = start;
        met[s] = true;
        auto seen = versions.forward({action.stage, action.microbatch});
        auto lag = versions.lag({action.stage, action.microbatch});
        stage.lag =
            std::max(stage.lag, versions.predicts ? (seen ? seen->ahead : 0) : lag.value_or(0));
        if (!stage.ahead && ((seen && seen->ahead > 0) || lag.value_or(0) > 0))
          stage.ahead = start;
      } else if (action.kind == ActionKind::OptimizerStep && !updated[s]) {
        updated[s] = true;
        stage.update = start;
        out.firstUpdates = std::max(out.firstUpdates, times.end[rank][i]);
      }
    }
  return out;
}

} // namespace recast::compiler
