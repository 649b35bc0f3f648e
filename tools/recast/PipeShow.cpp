#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Picture.h"
#include "compiler/Schedule/Updates.h"
#include "compiler/Schedule/Versions.h"
#include "runtime/base/Text.h"
#include "tools/recast/Pipe.h"
#include "tools/recast/WriteFile.h"

#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace recast::tools {
namespace {
using nlohmann::ordered_json;
using namespace schedule;

/// Characters of a row: of the terminal where the shell says so.
size_t terminalWidth() {
  const char *columns = std::getenv("COLUMNS");
  int width = columns ? std::atoi(columns) : 0;
  return width >= 40 ? static_cast<size_t>(width) - 9 : 160;
}

bool isPass(const Action &action) {
  return isCompute(action.kind) && action.kind != ActionKind::BackwardWeight;
}
std::optional<Seen> seenBy(const Versions &versions, const Action &action) {
  Pass pass{action.stage, action.microbatch};
  return action.kind == ActionKind::Forward ? versions.forward(pass) : versions.backward(pass);
}

/// "v3", or "v3+2" of a prediction, for every pass.
std::vector<std::vector<std::string>> notesOf(const Schedule &schedule, const Versions &versions) {
  std::vector<std::vector<std::string>> out;
  for (const std::vector<Action> &list : schedule.actions) {
    auto &notes = out.emplace_back(list.size());
    for (size_t i = 0; i < list.size(); ++i)
      if (auto seen = isPass(list[i]) ? seenBy(versions, list[i]) : std::nullopt)
        notes[i] = seen->ahead ? fmt::format("v{}+{}", seen->version, seen->ahead)
                               : fmt::format("v{}", seen->version);
  }
  return out;
}

/// Largest derived lag of the passes of a rank's stages.
int32_t largestLag(const Schedule &schedule, const Versions &versions, int32_t rank) {
  int32_t out = 0;
  for (int32_t stage = 0; stage < schedule.stages(); ++stage)
    for (int32_t b = 0;
         schedule.rankOf[static_cast<size_t>(stage)] == rank && b < schedule.microbatches; ++b)
      out = std::max(out, versions.lag({stage, b}).value_or(0));
  return out;
}

ordered_json jsonOf(const Schedule &schedule, const Simulation &simulation,
                    const Versions &versions) {
  ordered_json out;
  out["kind"] = schedule.kind;
  out["ranks"] = schedule.ranks;
  out["chunks"] = schedule.chunks;
  out["microbatches"] = schedule.microbatches;
  out["makespan"] = simulation.makespan;
  out["idle_share"] = simulation.idleShare();
  out["span_bubble"] = simulation.spanBubble();
  out["peak_activations"] = simulation.peakActivations();
  for (size_t r = 0; r < schedule.actions.size(); ++r) {
    const RankTimes &times = simulation.ranks[r];
    ordered_json rank = {{"rank", r},
                         {"first", times.first},
                         {"last", times.last},
                         {"busy", times.busy},
                         {"span_bubble", times.spanBubble()},
                         {"makespan_bubble", times.makespanBubble(simulation.makespan)},
                         {"peak_activations", times.peakActivations},
                         {"weight_copies", versions.copies[r].peak},
                         {"largest_lag", largestLag(schedule, versions, static_cast<int32_t>(r))}};
    for (size_t i = 0; i < schedule.actions[r].size(); ++i) {
      const Action &action = schedule.actions[r][i];
      ordered_json one = {{"action", str(action)},
                          {"start", simulation.start[r][i]},
                          {"end", simulation.end[r][i]}};
      if (auto seen = isPass(action) ? seenBy(versions, action) : std::nullopt) {
        one["version"] = seen->version;
        one["ahead"] = seen->ahead;
      }
      rank["actions"].push_back(std::move(one));
    }
    out["timeline"].push_back(std::move(rank));
  }
  return out;
}

void print(const Schedule &schedule, const Simulation &simulation, const Versions &versions) {
  fmt::print("{}\n\n", titleOf(schedule));
  bool isCut = false;
  fmt::print("{}", drawText(schedule, simulation, terminalWidth(), isCut));
  if (isCut)
    fmt::print("The rows are longer than shown: --svg FILE draws all of them.\n");
  fmt::print("\nmakespan {:g}, of which {:.1f} % idle\n", simulation.makespan,
             100 * simulation.idleShare());
  fmt::print("{:>5} {:>10} {:>13} {:>12} {:>17} {:>14} {:>12}\n", "rank", "busy", "idle between",
             "idle in all", "peak activations", "weight copies", "largest lag");
  for (size_t r = 0; r < simulation.ranks.size(); ++r) {
    const RankTimes &times = simulation.ranks[r];
    fmt::print("{:>5} {:>10g} {:>13g} {:>12g} {:>17} {:>14} {:>12}\n", r, times.busy,
               times.spanBubble(), times.makespanBubble(simulation.makespan), times.peakActivations,
               versions.copies[r].peak, largestLag(schedule, versions, static_cast<int32_t>(r)));
  }
  std::vector<LagError> wrong = lagErrors(schedule, versions, schedule.weights);
  if (schedule.weights.rule != WeightRule::Predict || wrong.empty())
    return;
  const LagError &first = wrong.front();
  fmt::print(
      "{} forwards are predicted {} updates ahead where it are others: the first, stage {} and "
      "microbatch {}, {} ahead of {} that happen\n",
      wrong.size(), first.constant > first.derived ? "too many" : "too few", first.pass.stage,
      first.pass.microbatch, first.constant, first.derived);
}

} // namespace

Result<int> pipeShow(const PipeShowOptions &options) {
  if (options.json && options.svg == "-")
    return usage("--json and --svg - both go to standard output: give the picture a file");
  RECAST_TRY(refuseInput(options.svg, options.source.what));
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(options.source));
  SimulateOptions how;
  how.costs = loaded.costs;
  RECAST_ASSIGN(Simulation simulation, simulate(loaded.schedule, how));
  RECAST_ASSIGN(Versions versions, versionsOf(withOptimizerSteps(loaded.schedule)));
  if (!options.svg.empty()) {
    PictureOptions picture;
    if (loaded.schedule.isAsynchronous())
      picture.notes = notesOf(loaded.schedule, versions);
    picture.title = titleOf(loaded.schedule);
    RECAST_ASSIGN(std::string svg, drawSvg(loaded.schedule, simulation, picture));
    if (options.svg == "-") {
      fmt::print("{}", svg);
      return 0;
    }
    RECAST_TRY(replaceFile(options.svg, svg));
  }
  if (options.json)
    fmt::print("{}\n", jsonOf(loaded.schedule, simulation, versions).dump(1));
  else
    print(loaded.schedule, simulation, versions);
  return 0;
}

} // namespace recast::tools
