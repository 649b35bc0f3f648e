#include "compiler/Schedule/Simulate.h"
#include "tools/recast/Pipe.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace recast::tools {
namespace {
using nlohmann::ordered_json;
using namespace schedule;

std::vector<std::string> splitNames(std::string_view text) {
  std::vector<std::string> out(1);
  for (char c : text)
    if (c == ',')
      out.emplace_back();
    else
      out.back() += c;
  return out;
}

} // namespace

Result<int> pipeCompare(const PipeCompareOptions &options) {
  ordered_json rows = ordered_json::array();
  std::string text = fmt::format("{:<18} {:>7} {:>10} {:>8} {:>13} {:>12}\n", "kind", "stages",
                                 "makespan", "idle", "idle between", "activations");
  for (const std::string &kind : splitNames(options.kinds)) {
    PipeSource source = options.source;
    source.what = kind;
    RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(source));
    const Schedule &schedule = loaded.schedule;
    SimulateOptions how;
    how.costs = loaded.costs;
    // A stage of a rank that has several is so much smaller: all kinds run the same model.
    how.costs.stageFactor.assign(static_cast<size_t>(schedule.stages()), 1.0 / schedule.chunks);
    RECAST_ASSIGN(Simulation simulation, simulate(schedule, how));
    double activations = static_cast<double>(simulation.peakActivations()) / schedule.chunks;
    rows.push_back({{"kind", schedule.kind},
                    {"stages", schedule.stages()},
                    {"makespan", simulation.makespan},
                    {"idle_share", simulation.idleShare()},
                    {"span_bubble", simulation.spanBubble()},
                    {"peak_activations", activations}});
    fmt::format_to(std::back_inserter(text), "{:<18} {:>7} {:>10g} {:>6.1f} % {:>13g} {:>12g}\n",
                   schedule.kind, schedule.stages(), simulation.makespan,
                   100 * simulation.idleShare(), simulation.spanBubble(), activations);
  }
  if (options.json)
    fmt::print("{}\n", rows.dump(1));
  else
    fmt::print("{}Times and activations are of one whole rank's part of the model, however many "
               "stages it is cut into.\n",
               text);
  return 0;
}

} // namespace recast::tools
