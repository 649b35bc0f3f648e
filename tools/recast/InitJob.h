// `recast init`: the job that somebody would write for a checkpoint and a target format.
#pragma once

#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

#include <optional>
#include <string>

namespace recast::tools {

struct InitRequest {
  std::string source;               ///< Path of the checkpoint.
  std::string tag;                  ///< Empty: the latest.
  std::string format;               ///< Target format; '-' counts as '_'.
  std::string output;               ///< Target folder.
  std::string dtype;                ///< safetensors: dtype of the weights; empty: the model's.
  std::optional<uint64_t> budget;   ///< Bytes.
  bool allowForeignObjects = false; ///< Re-emit classes outside the allow-list.
  std::string key;          ///< torch source: where the state dict is; empty: reader's choice.
  std::string maxShardSize; ///< safetensors, torch: bytes per file; empty: the format's.
  std::string view = {};    ///< Names and packing of the target, of the model's views; empty: same.
};

/// Reads the source's metadata and says the whole job, so that nothing is implicit.
Result<lang::Spec> makeJob(const InitRequest &request);

} // namespace recast::tools
