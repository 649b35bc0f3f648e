#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Picture.h"
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

ordered_json jsonOf(const Schedule &schedule, const Simulation &simulation) {
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
                         {"peak_activations", times.peakActivations}};
    for (size_t i = 0; i < schedule.actions[r].size(); ++i)
      rank["actions"].push_back({{"action", str(schedule.actions[r][i])},
                                 {"start", simulation.start[r][i]},
                                 {"end", simulation.end[r][i]}});
    out["timeline"].push_back(std::move(rank));
  }
  return out;
}

void print(const Schedule &schedule, const Simulation &simulation) {
  fmt::print("{}\n\n", titleOf(schedule));
  bool isCut = false;
  fmt::print("{}", drawText(schedule, simulation, terminalWidth(), isCut));
  if (isCut)
    fmt::print("The rows are longer than shown: --svg FILE draws all of them.\n");
  fmt::print("\nmakespan {:g}, of which {:.1f} % idle\n", simulation.makespan,
             100 * simulation.idleShare());
  fmt::print("{:>5} {:>10} {:>13} {:>17} {:>17}\n", "rank", "busy", "idle between", "idle in all",
             "peak activations");
  for (size_t r = 0; r < simulation.ranks.size(); ++r) {
    const RankTimes &times = simulation.ranks[r];
    fmt::print("{:>5} {:>10g} {:>13g} {:>17g} {:>17}\n", r, times.busy, times.spanBubble(),
               times.makespanBubble(simulation.makespan), times.peakActivations);
  }
}

} // namespace

Result<int> pipeShow(const PipeShowOptions &options) {
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(options.source));
  SimulateOptions how;
  how.costs = loaded.costs;
  RECAST_ASSIGN(Simulation simulation, simulate(loaded.schedule, how));
  if (!options.svg.empty()) {
    PictureOptions picture;
    picture.title = titleOf(loaded.schedule);
    RECAST_ASSIGN(std::string svg, drawSvg(loaded.schedule, simulation, picture));
    RECAST_TRY(replaceFile(options.svg, svg));
  }
  if (options.json)
    fmt::print("{}\n", jsonOf(loaded.schedule, simulation).dump(1));
  else
    print(loaded.schedule, simulation);
  return 0;
}

} // namespace recast::tools
