// Many files in many folders below one.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/io/Descriptor.h"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace recast::io {

/// Opens files below a folder and creates the folders above them. What comes next mostly lies in a
/// folder beside that of the last one, so it keeps the descriptor of the folder above both: one
/// system call for a file in a folder that exists, three for one in a new folder. Not thread-safe.
class TreeOpener {
public:
  static constexpr size_t kDescriptors = 1; ///< That it keeps, at most.

  /// openBeneath() with O_CREAT of a `path` that passed checkRelativePath(). `root` is borrowed: it
  /// stays open as long as this is used. Errors name `shown`/path.
  Result<Descriptor> create(int root, const std::string &path, int flags, mode_t mode,
                            std::string_view shown);

private:
  Result<int> enter(int root, std::string_view path, std::string_view shown);

  int root_ = -1;
  std::string path_; ///< Of `fd_`, relative to the root.
  Descriptor fd_;    ///< Empty: none.
};

} // namespace recast::io
