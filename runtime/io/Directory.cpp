#include "runtime/io/Directory.h"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

namespace recast::io {
namespace {

/// For kernels and sandboxes without openat2: one component after the other, none of them a link.
Descriptor openByComponents(int folder, const std::string &path, int flags, mode_t mode) {
  Descriptor parent;
  size_t begin = 0;
  while (true) {
    size_t slash = path.find('/', begin);
    int at = parent ? parent.get() : folder;
    if (slash == std::string::npos)
      return Descriptor(::openat(at, path.c_str() + begin, flags | O_NOFOLLOW | O_CLOEXEC, mode));
    std::string component = path.substr(begin, slash - begin);
    Descriptor next(::openat(at, component.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next)
      return {};
    parent = std::move(next);
    begin = slash + 1;
  }
}

} // namespace

Status checkRelativePath(std::string_view path) {
  auto refuse = [&](std::string_view why) {
    return fail(Error(Code::BadInput, fmt::format("unsafe output name: {}", why)).file(path));
  };
  if (path.empty())
    return refuse("it is empty");
  if (path.size() > 4095)
    return refuse("longer than 4095 bytes");
  if (path.find('\0') != path.npos)
    return refuse("it holds a NUL byte");
  if (path.front() == '/')
    return refuse("it is absolute");
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    std::string_view component = path.substr(begin, end - begin);
    if (component.empty() || component == "." || component == "..")
      return refuse("a component is empty, '.' or '..'");
    if (component.size() > 255)
      return refuse("a component is longer than 255 bytes");
    begin = end + 1;
  }
  return {};
}

Descriptor openBeneath(int folder, const std::string &path, int flags, mode_t mode) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = flags & O_CREAT ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long fd;
  do
    fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
  while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  if (fd < 0 && (errno == ENOSYS || errno == EPERM))
    return openByComponents(folder, path, flags, mode);
  return Descriptor(static_cast<int>(fd));
}

Status makeParents(int folder, const std::string &path, std::string_view shown) {
  for (size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    std::string parent = path.substr(0, slash);
    size_t last = parent.rfind('/');
    Descriptor above = last == std::string::npos
                           ? Descriptor()
                           : openBeneath(folder, parent.substr(0, last), O_PATH | O_DIRECTORY);
    if (last != std::string::npos && !above)
      return ioError("cannot open the folder", errno, fmt::format("{}/{}", shown, parent));
    const char *name = parent.c_str() + (last == std::string::npos ? 0 : last + 1);
    if (::mkdirat(above ? above.get() : folder, name, 0777) != 0 && errno != EEXIST)
      return ioError("cannot create the folder", errno, fmt::format("{}/{}", shown, parent));
  }
  return {};
}

Result<OpenedFolder> openOrCreateFolder(const std::string &path) {
  if (path.empty() || path.find('\0') != path.npos)
    return fail(Error(Code::Usage, "the output folder has no usable name").file(path));
  OpenedFolder out;
  for (size_t slash = 0; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0777) == 0) {
      if (out.created.empty())
        out.created = part;
    } else if (errno != EEXIST && errno != EISDIR && slash == std::string::npos) {
      return ioError("cannot create the output folder", errno, path);
    }
  }
  out.fd = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.fd)
    return ioError("cannot open the output folder", errno, path);
  return out;
}

Status listFolder(int folder, std::string_view shown,
                  const std::function<bool(const std::string &)> &visit) {
  // A descriptor of its own: closedir closes it, and the position of `folder` stays.
  int fd = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd < 0 ? nullptr : ::fdopendir(fd);
  if (!dir) {
    int error = errno;
    if (fd >= 0)
      ::close(fd);
    return ioError("cannot list the folder", error, shown);
  }
  errno = 0;
  while (dirent *entry = ::readdir(dir)) {
    std::string name = entry->d_name;
    if (name != "." && name != ".." && !visit(name))
      break;
    errno = 0;
  }
  int error = errno;
  ::closedir(dir);
  if (error)
    return ioError("cannot list the folder", error, shown);
  return {};
}

Status removeTree(int folder, const std::string &name, std::string_view shown) {
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT)
    return {};
  std::string path = fmt::format("{}/{}", shown, name);
  if (errno != EISDIR && errno != EPERM)
    return ioError("cannot remove", errno, path);
  Descriptor sub(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!sub)
    return ioError("cannot remove", errno, path);
  std::vector<std::string> names;
  RECAST_TRY(listFolder(sub.get(), path, [&](const std::string &entry) {
    names.push_back(entry);
    return true;
  }));
  for (const std::string &entry : names)
    RECAST_TRY(removeTree(sub.get(), entry, path));
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return ioError("cannot remove the folder", errno, path);
  return {};
}

} // namespace recast::io
