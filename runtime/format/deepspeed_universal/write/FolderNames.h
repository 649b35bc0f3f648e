// Parameter names become folder names. They come from files and may be hostile.
#pragma once

#include "runtime/base/Status.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace recast::format {

/// `name` can be one component of a path that any file system keeps apart from its parent: not
/// empty, no '/' or NUL, not "." or "..", UTF-8, at most 255 bytes. `what` names it in the error.
Status checkFolderName(std::string_view name, std::string_view what);

/// Names of entries of one folder: refuses two that a file system without case would not keep
/// apart (ASCII letters).
class FolderNames {
public:
  /// The same name again is fine.
  Status add(std::string_view name, std::string_view what);

private:
  std::unordered_map<std::string, std::string> byFolded_;
};

} // namespace recast::format
