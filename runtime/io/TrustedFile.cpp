#include "runtime/io/TrustedFile.h"

#include "runtime/io/Directory.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace recast::io {
namespace {

tl::unexpected<Error> untrusted(std::string_view why, const std::string &shown) {
  return fail(
      Error(Code::Usage, fmt::format("not trusted: {}", why))
          .file(shown)
          .hint(
              "What is in it would be carried out: it must belong to you, writable by you alone."));
}

Result<std::string> readOpen(Descriptor file, uint64_t limit, const std::string &shown) {
  if (!file)
    return errno == ENOENT || errno == ENOTDIR
               ? fail(Error(Code::BadInput, "no such file").file(shown))
               : ioError("cannot open", errno, shown);
  struct stat st;
  if (::fstat(file.get(), &st) != 0)
    return ioError("cannot stat", errno, shown);
  if (!S_ISREG(st.st_mode))
    return untrusted("it is not a regular file", shown);
  if (st.st_uid != ::geteuid() && st.st_uid != 0)
    return untrusted(fmt::format("it belongs to user {}", st.st_uid), shown);
  if (st.st_mode & (S_IWGRP | S_IWOTH))
    return untrusted("others may write it", shown);
  if (static_cast<uint64_t>(st.st_size) > limit)
    return fail(Error(Code::BadInput,
                      fmt::format("{} bytes, where at most {} are expected", st.st_size, limit))
                    .file(shown));
  std::string bytes(static_cast<size_t>(st.st_size), '\0');
  for (size_t done = 0; done < bytes.size();) {
    ssize_t got =
        ::pread(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ioError("cannot read", errno, shown);
    if (got == 0)
      return fail(Error(Code::BadInput, "the file became shorter").file(shown));
    done += static_cast<size_t>(got);
  }
  return bytes;
}

constexpr int kReading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

} // namespace

Result<std::string> readTrusted(const std::string &path, uint64_t limit) {
  return readOpen(Descriptor(::open(path.c_str(), kReading)), limit, path);
}

Result<std::string> readTrusted(int folder, const std::string &name, uint64_t limit,
                                const std::string &shown) {
  return readOpen(openBeneath(folder, name, kReading), limit, shown);
}

Result<Descriptor> openPrivateFolder(const std::string &path, bool create) {
  if (create) {
    for (size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1))
      (void)::mkdir(path.substr(0, slash).c_str(), 0700); // What fails here fails below.
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return ioError("cannot create the folder", errno, path);
  }
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!folder)
    return errno == ENOENT ? fail(Error(Code::BadInput, "no such folder").file(path))
                           : ioError("cannot open the folder", errno, path);
  struct stat st;
  if (::fstat(folder.get(), &st) != 0)
    return ioError("cannot stat", errno, path);
  if (st.st_uid != ::geteuid())
    return untrusted(fmt::format("the folder belongs to user {}", st.st_uid), path);
  if (st.st_mode & (S_IRWXG | S_IRWXO))
    return untrusted("others may enter the folder (its mode must be 0700)", path);
  return folder;
}

} // namespace recast::io
