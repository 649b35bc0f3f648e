#include "runtime/format/read/LfsPointer.h"

namespace recast::format {

Status refuseLfsPointer(std::string_view head, const std::string &path) {
  if (!head.starts_with("version https://git-lfs.github.com/spec/"))
    return {};
  return fail(Error(Code::BadInput, "a Git LFS pointer: a line that names the file, whose content "
                                    "was not fetched")
                  .file(path)
                  .hint("Run `git lfs pull` in the folder it came from, or download the file."));
}

} // namespace recast::format
