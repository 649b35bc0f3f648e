// Parameter names become folder names. They come from files and may be hostile.
#pragma once

#include "runtime/base/Status.h"

#include <cstddef>
#include <string_view>
#include <unordered_set>

namespace recast::format {

/// `name` can be one component of a path that any file system keeps apart from its parent: not
/// empty, no '/' or NUL, not "." or "..", UTF-8, at most 255 bytes. `what` names it in the error.
Status checkFolderName(std::string_view name, std::string_view what);

/// Names of entries of one folder: refuses two that a file system without case would not keep
/// apart (ASCII letters). Keeps views: names outlive it.
class FolderNames {
public:
  void reserve(size_t names) { names_.reserve(names); }
  /// The same name again is fine.
  Status add(std::string_view name, std::string_view what);

private:
  struct FoldedHash {
    size_t operator()(std::string_view name) const;
  };
  struct FoldedEqual {
    bool operator()(std::string_view a, std::string_view b) const;
  };
  std::unordered_set<std::string_view, FoldedHash, FoldedEqual> names_;
};

} // namespace recast::format
