#include "runtime/io/TreeOpener.h"

#include "runtime/io/Directory.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace recast::io {
namespace {

/// A path above its last '/' ("" if it has none), and what is behind it.
std::pair<std::string_view, std::string_view> cut(std::string_view path) {
  size_t slash = path.rfind('/');
  if (slash == path.npos)
    return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

} // namespace

Result<int> TreeOpener::enter(int root, std::string_view path, std::string_view shown) {
  if (path.empty())
    return root;
  if (fd_ && root_ == root && path_ == path)
    return fd_.get();
  fd_ = {};
  root_ = root;
  path_ = path;
  RECAST_TRY(makeParents(root, path_ + "/", shown));
  fd_ = openBeneath(root, path_, O_PATH | O_DIRECTORY);
  if (!fd_)
    return ioError("cannot open the folder", errno, fmt::format("{}/{}", shown, path));
  return fd_.get();
}

Result<Descriptor> TreeOpener::create(int root, const std::string &path, int flags, mode_t mode,
                                      std::string_view shown) {
  std::string folder(cut(path).first);
  auto [above, name] = cut(folder);
  RECAST_ASSIGN(int parent, enter(root, above, shown));
  std::string below = above.empty() ? path : path.substr(above.size() + 1);
  Descriptor file = openBeneath(parent, below, flags | O_CREAT, mode);
  if (!file && errno == ENOENT && !folder.empty()) {
    // Another worker may make it meanwhile.
    if (::mkdirat(parent, std::string(name).c_str(), 0777) != 0 && errno != EEXIST)
      return ioError("cannot create the folder", errno, fmt::format("{}/{}", shown, folder));
    file = openBeneath(parent, below, flags | O_CREAT, mode);
  }
  if (!file)
    return ioError("cannot create", errno, fmt::format("{}/{}", shown, path));
  return file;
}

} // namespace recast::io
