#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Check.h"
#include "tools/recast/Pipe.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

namespace recast::tools {
namespace {
using nlohmann::ordered_json;
using namespace schedule;

std::string_view word(Severity severity) {
  return severity == Severity::Error ? "error" : "warning";
}

ordered_json jsonOf(const Schedule &schedule, const std::vector<Finding> &findings) {
  ordered_json out = {{"proved", isProved(findings)}, {"findings", ordered_json::array()}};
  for (const Finding &finding : findings) {
    ordered_json one = {{"code", finding.code},
                        {"severity", word(finding.severity)},
                        {"message", finding.message},
                        {"places", ordered_json::array()}};
    for (Place place : finding.places)
      one["places"].push_back(
          {{"rank", place.rank},
           {"position", place.index},
           {"action", str(schedule.actions[static_cast<size_t>(place.rank)][place.index])}});
    out["findings"].push_back(std::move(one));
  }
  return out;
}

} // namespace

Result<int> pipeCheck(const PipeCheckOptions &options) {
  PipeSource source = options.source;
  // What the lists should run is the user's to say: what they run otherwise is a finding.
  int32_t stated = isFile(source) ? std::exchange(source.microbatches, 0) : 0;
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(source));
  if (stated != 0)
    loaded.schedule.microbatches = stated;
  Limits limits;
  limits.channelDepth = options.depth;
  limits.activations = options.activations;
  limits.costs = loaded.costs;
  std::vector<Finding> findings = check(loaded.schedule, limits);
  bool proved = isProved(findings);
  if (options.json) {
    fmt::print("{}\n", jsonOf(loaded.schedule, findings).dump(1));
  } else {
    for (const Finding &finding : findings)
      if (!options.quiet || finding.severity == Severity::Error)
        fmt::print("{}: [{}] {}\n", word(finding.severity), finding.code, finding.message);
    if (proved && !options.quiet)
      fmt::print("proved: {}\n", titleOf(loaded.schedule));
  }
  return proved ? 0 : static_cast<int>(Code::Negative);
}

} // namespace recast::tools
