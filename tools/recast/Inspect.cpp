#include "tools/recast/Inspect.h"

#include "runtime/base/Checked.h"
#include "runtime/capi/ReadTensor.h"
#include "runtime/capi/StoredDigests.h"
#include "runtime/format/read/Values.h"
#include "tools/recast/InspectReport.h"

#include <fmt/format.h>
#include <fnmatch.h>

namespace recast::tools {
using format::Inventory;
using format::Tensor;

namespace {

uint64_t bytesOf(const Tensor &tensor) {
  if (tensor.scalar)
    return byteWidth(tensor.dtype);
  uint64_t elements = static_cast<uint64_t>(elementCount(tensor.shape).value_or(0));
  return elements * bitWidth(tensor.dtype) / 8;
}

/// Computed where that is asked for; else what a manifest says, for machines.
Result<Digests> digestsOf(const Inventory &inventory, const std::string &path,
                          const InspectOptions &options) {
  Digests out;
  if (!inventory.problems.empty() || (!options.digests && !options.json))
    return out;
  capi::TensorReader reader(inventory);
  capi::StoredDigests stored;
  if (!options.digests) {
    RECAST_ASSIGN(std::string folder, capi::manifestFolder(path, inventory.tag));
    RECAST_ASSIGN(stored, capi::StoredDigests::read(folder, inventory));
  }
  for (const Tensor &tensor : inventory.tensors) {
    if (tensor.scalar || (!options.match.empty() && !matches(options.match, tensor.name)))
      continue;
    if (options.digests) {
      RECAST_ASSIGN(out[&tensor], reader.digest(tensor));
    } else if (const codec::Digest *digest = stored.find(tensor);
               digest && stored.newer().empty()) {
      out[&tensor] = *digest;
    }
  }
  return out;
}

} // namespace

Rows rowsOf(const Inventory &inventory) {
  Rows rows;
  for (const Tensor &tensor : inventory.tensors) {
    Row &row = rows[{tensor.role, tensor.dtype}];
    ++row.tensors;
    row.elements +=
        tensor.scalar ? 1 : static_cast<uint64_t>(elementCount(tensor.shape).value_or(0));
    row.bytes += bytesOf(tensor);
  }
  return rows;
}

bool matches(const std::string &glob, const std::string &name) {
  return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0;
}

std::string layoutText(const Inventory &inventory, const Tensor &tensor) {
  if (tensor.scalar)
    return "= " + format::str({tensor.dtype, *tensor.scalar});
  const layout::Layout &layout = inventory.layouts[tensor.layout];
  return layout.isWhole() ? "whole" : layout.str();
}

Result<int> inspect(const std::string &path, const InspectOptions &options) {
  RECAST_ASSIGN(Inventory inventory, format::readInventory(path, options.read));
  RECAST_ASSIGN(Digests digests, digestsOf(inventory, path, options));
  if (options.json)
    // Names that are not UTF-8 must not end the process.
    fmt::print("{}\n", inventoryJson(inventory, options, digests)
                           .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  else
    printScreen(inventory, path, options, digests);
  return inventory.problems.empty() ? 0 : static_cast<int>(Code::BadInput);
}

} // namespace recast::tools
