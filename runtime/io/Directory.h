// Folders that may be shared with others: every path below one is resolved without leaving it and
// without following a symbolic link.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/io/Descriptor.h"

#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace recast::io {

/// A path that may be created below a folder: relative, '/'-separated, no NUL, no empty, "." or
/// ".." component, each at most 255 bytes, at most 4095 in all.
Status checkRelativePath(std::string_view path);

/// openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), or component by component where the kernel lacks
/// it. Empty descriptor and errno on failure.
Descriptor openBeneath(int folder, const std::string &path, int flags, mode_t mode = 0);

/// Creates the parent folders of `path` below `folder`; those that exist must be real folders.
Status makeParents(int folder, const std::string &path, std::string_view shown);

/// A folder that was opened, and the path of the outermost one that had to be created ("" if it was
/// there).
struct OpenedFolder {
  Descriptor fd;
  std::string created;
};
/// Opens a folder that the user named (links are followed) and creates what is missing of it.
Result<OpenedFolder> openOrCreateFolder(const std::string &path);

/// Calls `visit` for every entry but "." and ".."; stops when it returns false.
Status listFolder(int folder, std::string_view shown,
                  const std::function<bool(const std::string &)> &visit);

/// Removes `name` below `folder`, a tree if it is a folder; links are removed, never followed.
/// Missing is fine.
Status removeTree(int folder, const std::string &name, std::string_view shown);

} // namespace recast::io
