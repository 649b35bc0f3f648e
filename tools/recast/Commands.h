// The commands of `recast`, one function each; options as CLI11 fills them in.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace recast::tools {

/// What `convert` and `run` hand on to recast-run.
struct ExecuteOptions {
  uint64_t memory = 0; ///< Bytes; 0: what the plan says.
  unsigned threads = 0;
  std::string kernels; ///< A kernel pack; empty: none.
  bool overwrite = false, noSync = false, noKernels = false, json = false, quiet = false;
  std::string command; ///< What the user typed, for messages.
  std::vector<std::string> arguments() const;
};

struct ConvertOptions {
  std::string source, output, format, dtype, tag, key, maxShardSize;
  std::vector<std::string> defines;
  bool dryRun = false;
  bool noFuse = false;              ///< Families stay as bind made them.
  bool allowForeignObjects = false; ///< Re-emit classes outside the allow-list.
  ExecuteOptions execute;
};
/// Never returns success except for a dry run: a conversion becomes another process.
Result<int> convert(const ConvertOptions &options);

struct InitOptions {
  std::string source, output, format, dtype, tag, view, file, key, maxShardSize;
  uint64_t memory = 0;
};
Result<int> init(const InitOptions &options);

struct SpecOptions {
  std::string file, output;
  std::vector<std::string> defines;
  bool json = false, ir = false, quiet = false, noFuse = false;
};
Result<int> check(const SpecOptions &options);
Result<int> makePlan(const SpecOptions &options);
Result<int> explain(const SpecOptions &options);

/// Writes the kernels of a plan: a pack for a CPU level (empty: this machine's best), or PTX for
/// `nvptx` and `nvptx-sm_90`.
Result<int> compileKernels(const SpecOptions &options, const std::string &target);

struct RebindOptions {
  std::string plan, source, tag, output; ///< No output: the plan is replaced.
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
