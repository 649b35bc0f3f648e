// Writes what a target writer describes into memory or a folder, from given tensor bytes: judges
// that images cover their files exactly once, and fills in CRCs the slow, obvious way.
#pragma once

#include "runtime/format/TargetWriter.h"

#include <functional>
#include <map>
#include <string>

namespace recast::format::testing {

/// Bytes of a tensor (index into WriteRequest::tensors) or of a kept file.
using BytesOf = std::function<std::string(uint32_t)>;

struct Materialized {
  std::map<std::string, std::string> files; ///< Path -> content, links and pointers included.
  std::string complaint;                    ///< What is wrong with the images; empty if nothing.
};

/// The order of everything follows CommitPlan; a top-level name without a rename is a complaint.
Materialized materialize(const TargetWriter &writer, const BytesOf &tensor, const BytesOf &kept);

/// Deterministic, different for each index, `size` bytes.
std::string patternBytes(uint32_t index, uint64_t size);

/// Writes the files below `folder`. False if the file system refused.
bool writeFolder(const Materialized &output, const std::string &folder);

} // namespace recast::format::testing
