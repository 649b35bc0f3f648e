#include "runtime/format/read/Values.h"
#include "tools/recast/InspectObjects.h"
#include "tools/recast/InspectReport.h"

namespace recast::tools {
using format::Inventory;
using format::Tensor;
using nlohmann::ordered_json;

namespace {

ordered_json jsonOf(const Error &error) {
  ordered_json out;
  out["message"] = error.message();
  if (!error.tensorName().empty())
    out["tensor"] = error.tensorName();
  if (!error.fileName().empty())
    out["file"] = error.fileName();
  if (error.byteRange())
    out["bytes"] = {error.byteRange()->begin, error.byteRange()->end};
  if (!error.hintText().empty())
    out["hint"] = error.hintText();
  return out;
}

} // namespace

ordered_json inventoryJson(const Inventory &inventory, const InspectOptions &options,
                           const Digests &digests) {
  ordered_json out;
  out["format"] = inventory.format;
  out["detail"] = inventory.formatDetail;
  out["tag"] = inventory.tag;
  out["iteration"] = inventory.iteration ? ordered_json(*inventory.iteration) : nullptr;
  out["mesh"] = ordered_json::object();
  for (size_t i = 0; i < inventory.mesh.axes.size(); ++i)
    out["mesh"][inventory.mesh.axes[i]] = inventory.mesh.sizes[i];
  for (const auto &[key, value] : inventory.properties)
    out["properties"][key] = plainJson(*value);
  for (const format::File &file : inventory.files)
    out["files"].push_back({{"path", file.path}, {"size", file.size}, {"mtime_ns", file.mtimeNs}});
  out["roles"] = ordered_json::array();
  for (const auto &[key, row] : rowsOf(inventory))
    out["roles"].push_back({{"role", key.first},
                            {"dtype", std::string(name(key.second))},
                            {"tensors", row.tensors},
                            {"elements", row.elements},
                            {"bytes", row.bytes}});
  out["groups"] = ordered_json::array();
  for (const format::Group &group : inventory.groups)
    out["groups"].push_back({{"names", group.names}, {"hyper", plainJson(*group.hyper)}});
  out["tied"] = ordered_json::object();
  for (const auto &[alias, canonical] : inventory.aliases)
    out["tied"][alias] = canonical;
  out["tensors"] = ordered_json::array();
  for (const Tensor &tensor : inventory.tensors) {
    if (!options.match.empty() && !matches(options.match, tensor.name))
      continue;
    ordered_json entry = {{"name", tensor.name},
                          {"role", tensor.role},
                          {"dtype", std::string(name(tensor.dtype))},
                          {"shape", tensor.shape}};
    if (tensor.scalar)
      entry["value"] = format::str({tensor.dtype, *tensor.scalar});
    else
      entry["layout"] = layoutText(inventory, tensor);
    if (tensor.group >= 0)
      entry["group"] = tensor.group;
    if (auto found = digests.find(&tensor); found != digests.end())
      entry["digest"] = found->second.str();
    out["tensors"].push_back(std::move(entry));
  }
  if (options.objects)
    for (const auto &[key, object] : inventory.objects)
      out["objects"][key] = plainJson(*object);
  out["order_uncertain"] = inventory.orderUncertain;
  out["foreign_globals"] = inventory.foreignGlobals;
  out["notes"] = inventory.notes;
  out["problems"] = ordered_json::array();
  for (const format::Problem &problem : inventory.problems)
    out["problems"].push_back(jsonOf(problem.error));
  return out;
}

} // namespace recast::tools
