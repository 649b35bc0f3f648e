#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/Csv.h"
#include "compiler/Schedule/Json.h"
#include "tools/recast/Pipe.h"
#include "tools/recast/WriteFile.h"

#include <fmt/format.h>

namespace recast::tools {
namespace {
using namespace schedule;

Result<std::string> textOf(const Schedule &schedule, const PipeExportOptions &options) {
  if (options.form != "torch-csv" && (options.comms || options.defer))
    return usage("--comms and --defer are for --to torch-csv");
  if (options.form == "json")
    return toJson(schedule);
  if (options.form == "torch-csv") {
    if (!options.comms && !options.defer)
      return toCsv(schedule);
    RECAST_ASSIGN(Schedule lowered, addComms(schedule));
    if (!options.defer)
      return toCsv(lowered);
    RECAST_ASSIGN(Schedule deferred, deferReceives(lowered));
    return toCsv(deferred);
  }
  return usage(fmt::format("there is no form '{}'; known: torch-csv, deepspeed, megatron, json",
                           options.form));
}

} // namespace

Result<int> pipeExport(const PipeExportOptions &options) {
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(options.source));
  RECAST_ASSIGN(std::string text, textOf(loaded.schedule, options));
  if (options.output.empty())
    fmt::print("{}", text);
  else
    RECAST_TRY(replaceFile(options.output, text));
  return 0;
}

} // namespace recast::tools
