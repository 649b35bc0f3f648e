#include "compiler/Schedule/Cut.h"
#include "compiler/Schedule/Updates.h"
#include "tools/recast/Pipe.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace recast::tools {
namespace {
using nlohmann::ordered_json;
using namespace schedule;

std::string_view word(Replay replay) {
  switch (replay) {
  case Replay::Exact:
    return "exact";
  case Replay::Older:
    return "older version";
  case Replay::Predicted:
    return "prediction";
  case Replay::Split:
    return "split backward";
  }
  return "";
}

ordered_json jsonOf(const Cut &cut) {
  ordered_json out = {{"exact", cut.isExact()},
                      {"drained", cut.isDrained()},
                      {"consistent", cut.isConsistent()},
                      {"in_flight", cut.inFlight},
                      {"stages", ordered_json::array()}};
  for (size_t s = 0; s < cut.stages.size(); ++s) {
    const StageCut &stage = cut.stages[s];
    ordered_json one = {{"stage", s},
                        {"rank", stage.rank},
                        {"version", stage.version},
                        {"stashed", stage.stashed},
                        {"gradients", stage.gradients},
                        {"held", ordered_json::array()}};
    for (const HeldPass &held : stage.held)
      one["held"].push_back({{"microbatch", held.pass.microbatch},
                             {"version", held.saw.version},
                             {"ahead", held.saw.ahead},
                             {"replay", word(held.replay)}});
    out["stages"].push_back(std::move(one));
  }
  out["sentences"] = sentences(cut);
  return out;
}

} // namespace

Result<int> pipeCut(const PipeCutOptions &options) {
  if (options.after.has_value() == options.time.has_value())
    return usage("say one of --after and --time: where training stops");
  if (options.time && (!std::isfinite(*options.time) || *options.time < 0))
    return usage(fmt::format("--time {}: a time is 0 or more, from the start of the schedule",
                             *options.time));
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(options.source));
  Schedule lists = withOptimizerSteps(std::move(loaded.schedule));
  RECAST_ASSIGN(Versions versions, versionsOf(lists));
  CutPosition position;
  if (options.after) {
    RECAST_ASSIGN(position, cutAfterMicrobatch(lists, *options.after));
  } else {
    SimulateOptions how;
    how.costs = loaded.costs;
    RECAST_ASSIGN(Simulation simulation, simulate(lists, how));
    RECAST_ASSIGN(position, cutAtTime(simulation, *options.time));
  }
  RECAST_ASSIGN(Cut cut, cutAt(lists, versions, position));
  if (options.json)
    fmt::print("{}\n", jsonOf(cut).dump(1));
  else
    for (const std::string &sentence : sentences(cut))
      fmt::print("{}\n", sentence);
  return cut.isExact() ? 0 : static_cast<int>(Code::Negative);
}

} // namespace recast::tools
