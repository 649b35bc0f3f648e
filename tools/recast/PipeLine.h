// The options of `recast pipe` and its commands.
#pragma once

#include "tools/recast/Pipe.h"

#include <CLI/CLI.hpp>
#include <functional>

namespace recast::tools {

/// Adds them to `app`; the one that was asked for is put into `action`. Keeps the options, so it
/// lives as long as the parser.
class PipeLine {
public:
  void addTo(CLI::App &app, std::function<Result<int>()> &action);

private:
  PipeShowOptions show_;
  PipeCompareOptions compare_;
  PipeExportOptions export_;
  PipeCheckOptions check_;
  PipeImportOptions import_;
  PipeCutOptions cut_;
};

} // namespace recast::tools
