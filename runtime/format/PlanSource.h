// A checkpoint as the tables of a plan: called to bind (compiler) and to rebind (capi).
#pragma once

#include "runtime/format/Inventory.h"
#include "runtime/plan/Plan.h"

#include <string>

namespace recast::format {

/// Appends endpoint, files, checksummed records, buffers and layouts of `source` to a plan without
/// any.
void addSource(plan::Plan &plan, const std::string &endpoint, const Inventory &source);

/// The fact `tensors` of a source: a hash of names, roles, dtypes, shapes, layouts, groups and ties
/// of all that it holds, and of which files and buffers they lie in; not of values, offsets and
/// tag. Two checkpoints that agree in it are read by the same members.
inline constexpr char kTensorsFact[] = "tensors";
std::string tensorsHash(const Inventory &source);

/// The name and the hash of a configuration, as a fact of a source in `root`.
Result<std::pair<std::string, std::string>> configFact(const std::string &path,
                                                       const std::string &root);
/// Where the configuration of a fact lies for a source in `root`.
std::string configPath(const std::string &fact, const std::string &root);

} // namespace recast::format
