// What `recast inspect` found, for people and for machines.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/codec/Digest.h"
#include "runtime/format/Inventory.h"
#include "tools/recast/Inspect.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace recast::tools {

/// One line of the table: a role in one dtype.
struct Row {
  uint64_t tensors = 0, elements = 0, bytes = 0;
};
using Rows = std::map<std::pair<std::string, DType>, Row>;

Rows rowsOf(const format::Inventory &inventory);

/// Whether a name is among those that `--match` asks for.
bool matches(const std::string &glob, const std::string &name);
std::string layoutText(const format::Inventory &inventory, const format::Tensor &tensor);

using Digests = std::map<const format::Tensor *, codec::Digest>;

void printScreen(const format::Inventory &inventory, const std::string &path,
                 const InspectOptions &options, const Digests &digests);
nlohmann::ordered_json inventoryJson(const format::Inventory &inventory,
                                     const InspectOptions &options, const Digests &digests);

} // namespace recast::tools
