#include "runtime/capi/Instantiate.h"

#include "runtime/capi/Coverage.h"
#include "runtime/capi/FamilyTasks.h"
#include "runtime/capi/ProgramTargets.h"

#include <fmt/format.h>
#include <map>
#include <set>

namespace recast::capi {
namespace {

/// By target of the plan: all of them, or those of the rank.
Result<std::vector<bool>> chooseTargets(const plan::Plan &plan, std::optional<uint32_t> rank) {
  std::vector<bool> chosen;
  std::set<uint32_t> ranks;
  for (const plan::TargetEndpoint &target : plan.targets) {
    chosen.push_back(!rank || target.rank == *rank);
    if (target.rank != plan::kNone)
      ranks.insert(target.rank);
  }
  if (!rank || ranks.contains(*rank))
    return chosen;
  return fail(Error(Code::Usage, fmt::format("the plan has no target of rank {}", *rank))
                  .hint(ranks.empty() ? "It is not for the ranks of a pipeline: run it without a "
                                        "rank."
                                      : fmt::format("Its ranks are {} to {}.", *ranks.begin(),
                                                    *ranks.rbegin())));
}

void addSources(const plan::Plan &plan, exec::Program &program) {
  for (const plan::SourceFile &file : plan.files) {
    const plan::SourceEndpoint &source = plan.sources[file.endpoint];
    program.sources.push_back({source.path + "/" + file.path, file.size, file.mtimeNs});
  }
  for (const plan::Record &record : plan.records)
    program.records.push_back({record.file, record.offset, record.length, record.crc32});
}

/// By program tensor: the place of its deadline among all of them.
std::vector<uint32_t> priorities(const exec::Program &program,
                                 const std::vector<std::optional<double>> &deadlines) {
  std::vector<uint32_t> out(program.tensors.size(), exec::Task::kNoDeadline);
  std::map<double, uint32_t> order;
  for (const std::optional<double> &time : deadlines)
    if (time)
      order.emplace(*time, 0);
  uint32_t next = 0;
  for (auto &[time, place] : order)
    place = next++;
  for (size_t i = 0; i < deadlines.size(); ++i)
    if (deadlines[i])
      out[i] = order.at(*deadlines[i]);
  return out;
}

} // namespace

Result<Instance> instantiate(const plan::Plan &plan, std::optional<uint32_t> rank) {
  RECAST_ASSIGN(const std::vector<bool> chosen, chooseTargets(plan, rank));
  Instance instance;
  exec::Program &program = instance.program;
  program.fingerprint = plan.instanceFingerprint;
  program.budget = plan.budget;
  addSources(plan, program);
  detail::ProgramTargets targets(plan, instance);
  for (uint32_t t = 0; t < plan.targets.size(); ++t)
    if (chosen[t])
      RECAST_TRY(targets.add(t));
  std::vector<std::optional<double>> deadlines = targets.deadlines();
  detail::FamilyTasks tasks(plan, rank, chosen, targets, priorities(program, deadlines), program);
  for (uint32_t f = 0; f < plan.families.size(); ++f) {
    RECAST_TRY(tasks.add(f));
    instance.familyEnds.push_back(program.tasks.size());
  }
  RECAST_TRY(detail::addVerbatim(program, targets.verbatim()));
  RECAST_ASSIGN(instance.forecast, detail::completeRecords(program));
  RECAST_ASSIGN(instance.forecast.memory, exec::forecastMemory(program));
  std::move(targets).install(std::move(deadlines));
  return instance;
}

} // namespace recast::capi
