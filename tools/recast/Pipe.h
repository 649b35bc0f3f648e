// `recast pipe`: pipeline schedules shown, compared, proved, and exchanged with other programs.
#pragma once

#include "tools/recast/PipeSource.h"

namespace recast::tools {

struct PipeShowOptions {
  PipeSource source;
  bool json = false;
  std::string svg; ///< Also write the picture there.
};
Result<int> pipeShow(const PipeShowOptions &options);

struct PipeCompareOptions {
  std::string kinds; ///< "gpipe,1f1b,zb-v"
  PipeSource source; ///< Without `what`; no chunks given: what each kind needs.
  bool json = false;
};
Result<int> pipeCompare(const PipeCompareOptions &options);

struct PipeExportOptions {
  PipeSource source;
  std::string form; ///< See schedule::formNamed.
  bool comms = false, defer = false, align = false;
  std::string output; ///< Empty: standard output.
};
Result<int> pipeExport(const PipeExportOptions &options);

} // namespace recast::tools
