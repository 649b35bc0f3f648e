#include "runtime/format/deepspeed_universal/write/FolderNames.h"

#include "runtime/base/Utf8.h"
#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

namespace recast::format {
namespace {

constexpr size_t kMaxComponent = 255;

char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

} // namespace

Status checkFolderName(std::string_view name, std::string_view what) {
  std::string_view why;
  if (name.empty())
    why = "it is empty";
  else if (name == "." || name == "..")
    why = "it means a folder itself";
  else if (name.find('/') != name.npos)
    why = "it contains '/'";
  else if (name.find('\0') != name.npos)
    why = "it contains a NUL byte";
  else if (name.size() > kMaxComponent)
    why = "it is longer than 255 bytes";
  else if (!isUtf8(name))
    why = "it is not UTF-8";
  if (why.empty())
    return {};
  return fail(Error(Code::BadInput, fmt::format("the {} '{}' cannot be a file name: {}", what,
                                                printable(name, 80), why))
                  .hint("Names become folders in this format: rename it in the target's view, or "
                        "drop it."));
}

size_t FolderNames::FoldedHash::operator()(std::string_view name) const {
  char text[kMaxComponent]; // No longer ones get here.
  std::transform(name.begin(), name.end(), text, folded);
  return std::hash<std::string_view>()({text, name.size()});
}

bool FolderNames::FoldedEqual::operator()(std::string_view a, std::string_view b) const {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return folded(x) == folded(y); });
}

Status FolderNames::add(std::string_view name, std::string_view what) {
  RECAST_TRY(checkFolderName(name, what));
  auto [entry, isNew] = names_.insert(name);
  if (!isNew && *entry != name)
    return fail(Error(Code::BadInput,
                      fmt::format("the {}s '{}' and '{}' differ only in case, which not every file "
                                  "system keeps apart",
                                  what, printable(*entry), printable(name)))
                    .hint("Names become folders in this format: rename one of them."));
  return {};
}

} // namespace recast::format
