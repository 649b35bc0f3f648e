// A folder for inputs that parsers want to find in files.
#pragma once

#include <string>
#include <string_view>

namespace recast::fuzz {

/// A folder of this process, in memory where the machine has such a file system, emptied first;
/// removed at exit.
const std::string &emptyFolder();

/// Writes `content` to `path` below `folder` and makes its parents; `path` must be relative and
/// without "..".
void writeFile(const std::string &folder, std::string_view path, std::string_view content);

} // namespace recast::fuzz
