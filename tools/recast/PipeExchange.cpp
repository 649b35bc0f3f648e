#include "compiler/Schedule/Exchange.h"
#include "tools/recast/Pipe.h"
#include "tools/recast/WriteFile.h"

#include <fmt/format.h>

namespace recast::tools {

Result<int> pipeExport(const PipeExportOptions &options) {
  RECAST_ASSIGN(schedule::Form form, schedule::formNamed(options.form));
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(options.source));
  schedule::ExportOptions how;
  how.comms = options.comms;
  how.defer = options.defer;
  how.align = options.align;
  RECAST_ASSIGN(std::string text, schedule::exportSchedule(form, loaded.schedule, how));
  if (options.output.empty())
    fmt::print("{}", text);
  else
    RECAST_TRY(replaceFile(options.output, text));
  return 0;
}

} // namespace recast::tools
