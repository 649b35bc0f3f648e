#include "tools/recast/Inspect.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Text.h"
#include "runtime/capi/ReadTensor.h"
#include "runtime/capi/StoredDigests.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/Printable.h"
#include "runtime/format/read/Values.h"
#include "tools/recast/InspectObjects.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace recast::tools {
namespace {
using format::Inventory;
using format::printable;
using format::Tensor;
using nlohmann::ordered_json;

uint64_t bytesOf(const Tensor &tensor) {
  if (tensor.scalar)
    return byteWidth(tensor.dtype);
  uint64_t elements = static_cast<uint64_t>(elementCount(tensor.shape).value_or(0));
  return elements * bitWidth(tensor.dtype) / 8;
}

/// "1,234,567".
std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t i = digits.size(); i > 3; i -= 3)
    digits.insert(i - 3, ",");
  return digits;
}

/// One line of the table: a role in one dtype.
struct Row {
  uint64_t tensors = 0, elements = 0, bytes = 0;
};
using Rows = std::map<std::pair<std::string, DType>, Row>;

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

uint64_t fileBytes(const Inventory &inventory) {
  uint64_t sum = 0;
  for (const format::File &file : inventory.files)
    sum += file.size;
  return sum;
}

std::string layoutText(const Inventory &inventory, const Tensor &tensor) {
  if (tensor.scalar)
    return "= " + format::str({tensor.dtype, *tensor.scalar});
  const layout::Layout &layout = inventory.layouts[tensor.layout];
  return layout.isWhole() ? "whole" : layout.str();
}

//===-- the screen --------------------------------------------------------------------------===//

void printTable(const Rows &rows) {
  size_t width = 4;
  for (const auto &[key, row] : rows)
    width = std::max(width, printable(key.first).size());
  fmt::print("\n  {:{}}  {:9} {:>9} {:>17} {:>12}\n", "role", width, "dtype", "tensors", "elements",
             "bytes");
  uint64_t tensors = 0, bytes = 0;
  for (const auto &[key, row] : rows) {
    fmt::print("  {:{}}  {:9} {:>9} {:>17} {:>12}\n", printable(key.first), width, name(key.second),
               grouped(row.tensors), grouped(row.elements), bytesText(row.bytes));
    tensors += row.tensors;
    bytes += row.bytes;
  }
  fmt::print("  {:{}}  {:9} {:>9} {:>17} {:>12}\n", "all", width, "", grouped(tensors), "",
             bytesText(bytes));
}

void printNames(std::string_view what, const std::vector<std::string> &names) {
  constexpr size_t kShown = 4;
  if (names.empty())
    return;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i ? ", " : "") + names[i];
  if (names.size() > kShown)
    text += fmt::format(" and {} more", names.size() - kShown);
  fmt::print("  {:9} {}\n", what, text);
}

void printSpecials(const Inventory &inventory) {
  std::vector<std::string> tied, frozen, buffers;
  for (const auto &[alias, canonical] : inventory.aliases)
    tied.push_back(fmt::format("{} = {}", printable(alias), printable(canonical)));
  for (const Tensor &tensor : inventory.tensors) {
    if (tensor.role == format::role::kFrozen)
      frozen.push_back(printable(tensor.name));
    if (tensor.role == format::role::kBuffer)
      buffers.push_back(printable(tensor.name));
  }
  if (tied.empty() && frozen.empty() && buffers.empty())
    return;
  fmt::print("\n");
  printNames("tied:", tied);
  printNames("frozen:", frozen);
  printNames("buffers:", buffers);
}

void printGroups(const Inventory &inventory) {
  for (size_t g = 0; g < inventory.groups.size(); ++g) {
    const format::Group &group = inventory.groups[g];
    fmt::print("{}  group {}  {} parameters: {}\n", g == 0 ? "\n" : "", g, group.names.size(),
               describeHyper(*group.hyper));
  }
}

void printMatches(const Inventory &inventory, const std::string &glob) {
  size_t count = 0;
  fmt::print("\n");
  for (const Tensor &tensor : inventory.tensors) {
    if (!matches(glob, tensor.name))
      continue;
    ++count;
    fmt::print("  {}  {}  {}[{}]  {}\n", printable(tensor.name), printable(tensor.role),
               name(tensor.dtype), fmt::join(tensor.shape, ", "), layoutText(inventory, tensor));
  }
  fmt::print("  {} tensors match '{}'\n", count, printable(glob));
}

void printProblems(const Inventory &inventory) {
  constexpr size_t kShown = 20;
  if (inventory.problems.empty()) {
    fmt::print("\nproblems: none\n");
    return;
  }
  fmt::print("\nproblems: {}\n", inventory.problems.size());
  for (size_t i = 0; i < std::min(inventory.problems.size(), kShown); ++i) {
    std::string text = inventory.problems[i].error.str();
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; ++at)
      text.insert(at + 1, "   ");
    fmt::print("{:>3}. {}\n", i + 1, text);
  }
  if (inventory.problems.size() > kShown)
    fmt::print("     and {} more (--json lists all)\n", inventory.problems.size() - kShown);
}

/// A path as a shell takes it.
std::string quoted(const std::string &path) {
  if (path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+="
                             ",:@%") == std::string::npos)
    return path;
  std::string out = "'";
  for (char c : path)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return printable(out + "'", 4096);
}

void printNext(const Inventory &inventory, const std::string &path,
               const format::ReadOptions &read) {
  std::string source = quoted(path);
  for (const format::SourceArgument &argument : format::sourceArguments(inventory.format))
    if (const std::string &text = read.*argument.text; !text.empty())
      source += fmt::format(" --{} {}", argument.name, quoted(text));
  std::vector<std::pair<std::string, std::string>> commands;
  std::string out = quoted(path.substr(0, path.find_last_not_of('/') + 1));
  if (!inventory.problems.empty()) {
    commands = {{fmt::format("recast inspect {}", source), "again, when the problems are solved"}};
  } else if (inventory.format == "deepspeed") {
    commands = {
        {fmt::format("recast convert {} -o {}-universal --to deepspeed-universal", source, out),
         "resume on any number of ranks"},
        {fmt::format("recast convert {} -o {}-export --to safetensors", source, out),
         "weights for everybody else"}};
  } else if (inventory.format == "torch" || inventory.format == "safetensors") {
    std::string other = inventory.format == "torch" ? "safetensors" : "torch";
    commands = {{fmt::format("recast convert {} -o {}-{} --to {}", source, out, other, other),
                 other == "torch" ? "for torch.load" : "no pickle in it"},
                {fmt::format("recast inspect {} --match '*'", source), "every tensor"}};
  } else if (inventory.format == "deepspeed_rank_file") {
    commands = {{fmt::format("recast inspect {}", quoted(inventory.root)), "the whole run"}};
  } else {
    commands = {{fmt::format("recast inspect {} --match '*'", source), "every tensor"}};
  }
  size_t width = 0;
  for (const auto &[command, purpose] : commands)
    width = std::max(width, command.size());
  fmt::print("\nnext:\n");
  for (const auto &[command, purpose] : commands)
    fmt::print("  {:{}}   # {}\n", command, width, purpose);
}

using Digests = std::map<const Tensor *, codec::Digest>;

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

/// One line each, made to be sorted and compared between machines.
void printDigests(const Inventory &inventory, const Digests &digests) {
  fmt::print("\n");
  for (const Tensor &tensor : inventory.tensors)
    if (auto found = digests.find(&tensor); found != digests.end())
      fmt::print("  {}  {:<10} {} {} ({})\n", found->second.str(), printable(tensor.role),
                 printable(tensor.name), name(tensor.dtype), fmt::join(tensor.shape, ", "));
}

void printScreen(const Inventory &inventory, const std::string &path, const InspectOptions &options,
                 const Digests &digests) {
  fmt::print("{}: {}\n", printable(path, 4096), printable(inventory.formatDetail));
  std::string head;
  if (!inventory.tag.empty())
    head += fmt::format("tag {}", printable(inventory.tag));
  if (inventory.iteration)
    head += fmt::format("{}step {}", head.empty() ? "" : ", ", *inventory.iteration);
  if (!inventory.mesh.axes.empty())
    head += fmt::format("{}mesh {}", head.empty() ? "" : ", ", inventory.mesh.str());
  head += fmt::format("{}{} file{}, {}", head.empty() ? "" : ", ", inventory.files.size(),
                      inventory.files.size() == 1 ? "" : "s", bytesText(fileBytes(inventory)));
  fmt::print("{}\n", head);
  if (!inventory.tensors.empty())
    printTable(rowsOf(inventory));
  printGroups(inventory);
  printSpecials(inventory);
  if (!options.match.empty())
    printMatches(inventory, options.match);
  if (options.digests)
    printDigests(inventory, digests);
  if (options.objects)
    for (const auto &[key, object] : inventory.objects)
      fmt::print("\n  {}: {}\n", printable(key), describeObject(*object));
  if (!inventory.notes.empty() || !inventory.foreignGlobals.empty())
    fmt::print("\n");
  for (const std::string &note : inventory.notes)
    fmt::print("  note: {}\n", note);
  if (!inventory.foreignGlobals.empty())
    fmt::print("  note: objects name classes that are not torch's or DeepSpeed's (kept as data, "
               "never called): {}\n",
               fmt::join(inventory.foreignGlobals, ", "));
  printProblems(inventory);
  printNext(inventory, path, options.read);
}

//===-- JSON --------------------------------------------------------------------------------===//

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

ordered_json jsonOf(const Inventory &inventory, const InspectOptions &options,
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

} // namespace

Result<int> inspect(const std::string &path, const InspectOptions &options) {
  RECAST_ASSIGN(Inventory inventory, format::readInventory(path, options.read));
  RECAST_ASSIGN(Digests digests, digestsOf(inventory, path, options));
  if (options.json)
    // Names that are not UTF-8 must not end the process.
    fmt::print("{}\n", jsonOf(inventory, options, digests)
                           .dump(2, ' ', false, ordered_json::error_handler_t::replace));
  else
    printScreen(inventory, path, options, digests);
  return inventory.problems.empty() ? 0 : static_cast<int>(Code::BadInput);
}

} // namespace recast::tools
