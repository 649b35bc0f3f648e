// The commands of `recast`, one function each; options as CLI11 fills them in.
#pragma once

#include "tools/recast/InitJob.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace recast::tools {

/// What `convert` and `run` hand on to recast-run.
struct ExecuteOptions {
  uint64_t memory = 0; ///< Bytes; 0: what the plan says.
  unsigned threads = 0;
  std::string kernels;          ///< A kernel pack; empty: none.
  std::string events;           ///< Where to say which tensors are complete; empty: nowhere.
  std::string order;            ///< One of exec::kOrderNames; empty: the default.
  uint64_t readRate = 0;        ///< Bytes per second; 0: no limit.
  std::optional<uint32_t> rank; ///< Of a pipeline; none: all of them.
  bool overwrite = false, noSync = false, noKernels = false, noDigests = false, json = false,
       quiet = false;
  std::string command; ///< What the user typed, for messages.
  std::vector<std::string> arguments() const;
};

struct ConvertOptions {
  InitRequest job; ///< For a checkpoint; a specification has its path as the source.
  std::vector<std::string> defines;
  bool dryRun = false;
  bool noFuse = false; ///< Every target has reads of its own.
  ExecuteOptions execute;
};
/// Never returns success except for a dry run: a conversion becomes another process.
Result<int> convert(const ConvertOptions &options);

struct InitOptions {
  InitRequest job;
  std::string file; ///< The specification to write; empty: standard output.
};
Result<int> init(const InitOptions &options);

struct SpecOptions {
  std::string file, output;
  std::vector<std::string> defines;
  bool json = false, ir = false, why = false, quiet = false, noFuse = false;
};
Result<int> check(const SpecOptions &options);
Result<int> makePlan(const SpecOptions &options);
Result<int> explain(const SpecOptions &options);

/// Writes the kernels of a plan: a pack for a CPU level (empty: this machine's best), or PTX for
/// `nvptx` and `nvptx-sm_90`.
Result<int> compileKernels(const SpecOptions &options, const std::string &target);

struct RebindOptions {
  std::string plan, source, output; ///< No output: the plan is replaced.
  format::ReadOptions read;
  bool quiet = false;
};
Result<int> rebind(const RebindOptions &options);

Result<int> run(const std::string &plan, const ExecuteOptions &options);

struct FormatOptions {
  std::vector<std::string> files;
  bool check = false, toStdout = false, fromMlir = false;
};
Result<int> formatFiles(const FormatOptions &options);

} // namespace recast::tools
