#include "runtime/base/Text.h"
#include "runtime/format/Printable.h"
#include "tools/recast/InspectObjects.h"
#include "tools/recast/InspectReport.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::tools {
namespace {
using format::Inventory;
using format::printable;
using format::Tensor;

/// "1,234,567".
std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t i = digits.size(); i > 3; i -= 3)
    digits.insert(i - 3, ",");
  return digits;
}

uint64_t fileBytes(const Inventory &inventory) {
  uint64_t sum = 0;
  for (const format::File &file : inventory.files)
    sum += file.size;
  return sum;
}

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

/// One line each, made to be sorted and compared between machines.
void printDigests(const Inventory &inventory, const Digests &digests) {
  fmt::print("\n");
  for (const Tensor &tensor : inventory.tensors)
    if (auto found = digests.find(&tensor); found != digests.end())
      fmt::print("  {}  {:<10} {} {} ({})\n", found->second.str(), printable(tensor.role),
                 printable(tensor.name), name(tensor.dtype), fmt::join(tensor.shape, ", "));
}

} // namespace

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

} // namespace recast::tools
