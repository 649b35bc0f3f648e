// How long a job takes from metadata to a proved plan, and what the plan costs afterwards:
// processor time of one core, by phase.
//
//   bench_plan JOB.ucl [rounds]     least of the rounds (default 3)
#include "bench/Lap.h"
#include "runtime/capi/Instantiate.h"
#include "runtime/capi/Rebind.h"
#include "runtime/format/Inventory.h"
#include "runtime/plan/Expand.h"
#include "tools/recast/Driver.h"
#include "tools/recast/PlanningMemory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace recast;
using bench::lap;

namespace {

/// The least time of each phase, in the order in which they were first met.
class Phases {
public:
  void note(const std::string &name, double seconds) {
    auto [entry, isNew] = least_.try_emplace(name, seconds);
    if (isNew)
      order_.push_back(name);
    entry->second = std::min(entry->second, seconds);
  }
  void print() const {
    for (const std::string &name : order_)
      std::printf("  %-32s %9.4f s\n", name.c_str(), least_.at(name));
  }

private:
  std::map<std::string, double> least_;
  std::vector<std::string> order_;
};

struct Counts {
  uint64_t pieces = 0, tensors = 0;
};

Result<Counts> countPieces(const plan::Plan &plan) {
  Counts out;
  RECAST_TRY(plan::expandPlan(plan, [&](const plan::Run &) -> Status {
    ++out.pieces;
    return {};
  }));
  for (const plan::Family &family : plan.families)
    out.tensors += family.memberCount();
  return out;
}

/// `alone`: seconds without reading the metadata, one per round.
Status measure(const std::string &job, Phases &phases, std::vector<double> &alone, bool isLast) {
  RECAST_ASSIGN(lang::Spec spec, tools::loadSpec(job, {}));
  lap();
  RECAST_ASSIGN(compiler::Compiled compiled, tools::compileSpec(spec));
  double all = lap();
  phases.note("read, bind, prove, plan", all);
  const plan::Plan &plan = compiled.plan;
  format::ReadOptions options;
  options.format = plan.sources[0].format;
  lap();
  RECAST_TRY(format::readSoundInventory(plan.sources[0].path, options));
  double reading = lap();
  phases.note("of it: read the metadata", reading);
  alone.push_back(all - reading);
  std::string artifact = plan::writeArtifact(plan);
  phases.note("write the artifact", lap());
  RECAST_TRY(plan::readArtifact(artifact));
  phases.note("load the artifact", lap());
  std::set<uint32_t> ranks;
  for (const plan::TargetEndpoint &target : plan.targets)
    if (target.rank != plan::kNone)
      ranks.insert(target.rank);
  RECAST_TRY(capi::instantiate(plan, ranks.empty() ? std::nullopt : std::optional(*ranks.begin())));
  phases.note(ranks.empty() ? "instantiate" : "instantiate one rank", lap());
  capi::RebindRequest request;
  request.source = plan.sources[0].path;
  if (auto rebound = capi::rebind(plan, request))
    phases.note("rebind, metadata included", lap());
  if (!isLast)
    return {};
  RECAST_ASSIGN(Counts counts, countPieces(plan));
  std::printf(
      "%s: %zu files, %llu members, %llu pieces, %zu targets; artifact %.2f MiB, %.1f bytes "
      "per piece\n",
      job.c_str(), plan.files.size(), static_cast<unsigned long long>(counts.tensors),
      static_cast<unsigned long long>(counts.pieces), plan.targets.size(),
      static_cast<double>(artifact.size()) / (1 << 20),
      static_cast<double>(artifact.size()) / static_cast<double>(counts.pieces));
  phases.print();
  std::ranges::sort(alone);
  double planning = alone[alone.size() / 2];
  std::printf("  %-32s %9.4f s (median), %.2f us per piece\n", "bind, prove, plan alone", planning,
              1e6 * planning / static_cast<double>(counts.pieces));
  return {};
}

} // namespace

int main(int argc, char **argv) {
  tools::reservePlanningMemory();
  if (argc < 2 || argv[1][0] == '-') {
    std::printf(
        "usage: bench_plan JOB.ucl [rounds]\n"
        "Processor time from metadata to a proved plan, and of what is done with it, by phase;\n"
        "least of the rounds (default 3), but for planning alone, a difference: the median.\n");
    return argc > 1 && std::string_view(argv[1]) == "--help" ? 0 : 2;
  }
  int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  Phases phases;
  std::vector<double> alone;
  for (int round = 0; round < rounds; ++round)
    if (Status status = measure(argv[1], phases, alone, round + 1 == rounds); !status) {
      std::fprintf(stderr, "error: %s\n", status.error().str().c_str());
      return status.error().exitCode();
    }
  return 0;
}
