// `recast pipe`: pipeline schedules shown, compared, proved, and exchanged with other programs.
#pragma once

#include "tools/recast/PipeSource.h"

#include <optional>

namespace recast::tools {

struct PipeShowOptions {
  PipeSource source;
  bool json = false;
  std::string svg; ///< Also write the picture there; "-": the picture alone, to standard output.
};
Result<int> pipeShow(const PipeShowOptions &options);

struct PipeCompareOptions {
  std::vector<std::string> kinds; ///< "gpipe,1f1b", "zb-v"
  PipeSource source;              ///< Without `what`; no chunks given: what each kind needs.
  bool json = false;
};
Result<int> pipeCompare(const PipeCompareOptions &options);

struct PipeExportOptions {
  PipeSource source;
  std::string form; ///< See schedule::formNamed.
  bool comms = false, defer = false, align = false;
  bool unchecked = false; ///< Write lists that are refuted, too.
  std::string output;     ///< Empty or "-": standard output.
};
Result<int> pipeExport(const PipeExportOptions &options);

struct PipeCheckOptions {
  PipeSource source;
  std::optional<int32_t> depth;       ///< Sends under way between two ranks; nothing: any number.
  std::optional<int64_t> activations; ///< Most that a rank may keep.
  bool json = false, quiet = false;
};
/// 1 where the schedule is refuted.
Result<int> pipeCheck(const PipeCheckOptions &options);

struct PipeCutOptions {
  PipeSource source;
  std::optional<int32_t> after; ///< The microbatch whose backwards are the last to run.
  std::optional<double> time;   ///< Or when, in units of the costs.
  bool json = false;
};
/// 1 where weights and optimizer state alone do not resume exactly.
Result<int> pipeCut(const PipeCutOptions &options);

struct PipeImportOptions {
  PipeSource source;
  std::string name = "p"; ///< Of the pipeline.
  bool ir = false;        ///< As IR, not as UCL.
  std::string output;     ///< Empty or "-": standard output.
};
Result<int> pipeImport(const PipeImportOptions &options);

} // namespace recast::tools
