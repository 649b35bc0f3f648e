// `recast init`: the job that somebody would write for a checkpoint and a target format.
#pragma once

#include "lang/ast/Ast.h"
#include "runtime/format/Inventory.h"

#include <optional>
#include <string>

namespace recast::tools {

struct InitRequest {
  std::string source;       ///< Path of the checkpoint.
  format::ReadOptions read; ///< Which of its tags, keys, ...; the format is detected.
  std::string format;       ///< Target format; '-' counts as '_'.
  std::string output;       ///< Target folder.
  std::string dtype;        ///< safetensors, torch: dtype of the weights; empty: the model's.
  std::string maxShardSize; ///< safetensors, torch: bytes per file; empty: the format's.
  std::string view;         ///< Names and packing of the target, of the model's views; empty: same.
  uint64_t budget = 0;      ///< Bytes; 0: what the machine has.
  bool allowForeignObjects = false; ///< Re-emit classes outside the allow-list.
};

/// A job to be compiled.
struct ReadyJob {
  lang::Spec spec;
  std::optional<format::Inventory> source; ///< What it holds, where that was read already.
};
/// Reads the source's metadata and says the whole job, so that nothing is implicit.
Result<ReadyJob> makeJob(const InitRequest &request);

} // namespace recast::tools
