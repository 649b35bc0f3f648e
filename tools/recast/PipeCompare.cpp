#include "compiler/Schedule/Simulate.h"
#include "compiler/Schedule/Updates.h"
#include "compiler/Schedule/Versions.h"
#include "runtime/base/Printable.h"
#include "tools/recast/Pipe.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
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
  std::string all = fmt::format("{}", fmt::join(options.kinds, ","));
  std::vector<std::string> names = splitNames(all);
  // Of files, as they are called.
  size_t longest = std::ranges::max(names, {}, &std::string::size).size();
  longest = std::max<size_t>(longest, 16);
  std::string text = fmt::format("{:<{}} {:>6} {:>9} {:>8} {:>12} {:>11} {:>13} {:>8} {:>7}  {}\n",
                                 "kind", longest, "stages", "makespan", "idle", "idle between",
                                 "activations", "weight copies", "updates", "delay", "F and B see");
  for (const std::string &kind : names) {
    PipeSource source = options.source;
    source.what = kind;
    if (kind.empty())
      return fail(
          Error(Code::Usage, fmt::format("an empty name among the kinds '{}'", printable(all, 80)))
              .hint("Kinds, with a comma between two: gpipe,1f1b,zb-v"));
    if (!schedule::hasGroups(kind))
      source.group = 0; // For those that have.
    RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(source));
    const Schedule &schedule = loaded.schedule;
    SimulateOptions how;
    how.costs = loaded.costs;
    // A stage of a rank that has several is so much smaller: all kinds run the same model.
    how.costs.stageFactor.assign(static_cast<size_t>(schedule.stages()), 1.0 / schedule.chunks);
    RECAST_ASSIGN(Simulation simulation, simulate(schedule, how));
    double activations = static_cast<double>(simulation.peakActivations()) / schedule.chunks;
    Schedule updated = withOptimizerSteps(schedule);
    RECAST_ASSIGN(Versions versions, versionsOf(updated));
    VersionSummary summary = summarize(versions);
    int64_t copies = 0;
    for (const WeightCopies &rank : versions.copies)
      copies = std::max(copies, rank.peak);
    double weights = static_cast<double>(copies) / schedule.chunks;
    int32_t updates = *std::max_element(versions.updates.begin(), versions.updates.end());
    rows.push_back({{"kind", isFile(source) ? kind : schedule.kind},
                    {"stages", schedule.stages()},
                    {"makespan", simulation.makespan},
                    {"idle_share", simulation.idleShare()},
                    {"span_bubble", simulation.spanBubble()},
                    {"peak_activations", activations},
                    {"weight_copies", weights},
                    {"updates", updates},
                    {"largest_delay", summary.largestDelay},
                    {"largest_lag", summary.largestLag},
                    {"same_version_forward_and_backward", !summary.differsInBackward}});
    fmt::format_to(std::back_inserter(text),
                   "{:<{}} {:>6} {:>9g} {:>6.1f} % {:>12g} {:>11g} {:>13g} {:>8} {:>7}  {}\n",
                   isFile(source) ? printable(kind) : schedule.kind, longest, schedule.stages(),
                   simulation.makespan, 100 * simulation.idleShare(), simulation.spanBubble(),
                   activations, weights, updates, summary.largestDelay,
                   summary.differsInBackward ? "different versions"
                   : versions.predicts       ? "one version, F by prediction"
                                             : "one version");
  }
  if (options.json)
    fmt::print("{}\n", rows.dump(1));
  else
    fmt::print(
        "{}Times, activations and weights are of one whole rank's part of the model, however many "
        "stages it is cut into.\n",
        text);
  return 0;
}

} // namespace recast::tools
