#include "runtime/io/File.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/Checked.h"

namespace recast::io {
namespace {

FileInfo infoOf(const struct stat &st) {
  return {static_cast<uint64_t>(st.st_size),
          static_cast<int64_t>(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec};
}

tl::unexpected<Error> notRegular(const struct stat &st, const std::string &path) {
  const char *kind = S_ISDIR(st.st_mode) ? "a folder" : "not a regular file";
  return fail(Error(Code::BadInput, fmt::format("expected a file, found {}", kind)).file(path));
}

/// A missing file is a wrong input, everything else is the operating system's failure.
tl::unexpected<Error> openFailed(std::string_view what, int errnoValue, const std::string &path) {
  if (errnoValue == ENOENT || errnoValue == ENOTDIR)
    return fail(Error(Code::BadInput, "no such file").file(path));
  return ioError(what, errnoValue, path);
}

} // namespace

Result<File> File::open(const std::string &path) {
  // O_NONBLOCK only keeps a FIFO from blocking here; it means nothing for regular files.
  int fd;
  do
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return openFailed("cannot open", errno, path);
  File file(fd, path, {});
  struct stat st;
  if (::fstat(fd, &st) != 0)
    return ioError("cannot stat", errno, path);
  if (!S_ISREG(st.st_mode))
    return notRegular(st, path);
  file.info_ = infoOf(st);
  return file;
}

File::File(File &&other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), info_(other.info_) {}

File &File::operator=(File &&other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(info_, other.info_);
  return *this;
}

File::~File() {
  if (fd_ >= 0)
    ::close(fd_);
}

Status File::readAt(uint64_t offset, void *data, size_t size) const {
  // Offsets beyond off_t would be negative for the kernel.
  if (!rangeInside(offset, size, static_cast<uint64_t>(INT64_MAX)))
    return fail(Error(Code::BadInput, "byte range beyond any file").file(path_));
  char *out = static_cast<char *>(data);
  size_t done = 0;
  while (done < size) {
    ssize_t got = ::pread(fd_, out + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      Error error = std::move(ioError("cannot read", errno, path_).value());
      return fail(std::move(error).bytes(offset, offset + size));
    }
    if (got == 0) {
      Error error(Code::BadInput,
                  fmt::format("truncated: the file ends at byte {}", offset + done));
      return fail(std::move(error).file(path_).bytes(offset, offset + size));
    }
    done += static_cast<size_t>(got);
  }
  return {};
}

Result<std::string> File::read(uint64_t offset, uint64_t size) const {
  if (!rangeInside(offset, size, info_.size)) {
    Error error(Code::BadInput, fmt::format("truncated: the file ends at byte {}", info_.size));
    uint64_t end = checkedAdd(offset, size).value_or(UINT64_MAX);
    return fail(std::move(error).file(path_).bytes(offset, end));
  }
  std::string out(size, '\0');
  RECAST_TRY(readAt(offset, out.data(), out.size()));
  return out;
}

Result<FileInfo> statFile(const std::string &path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0)
    return openFailed("cannot stat", errno, path);
  if (!S_ISREG(st.st_mode))
    return notRegular(st, path);
  return infoOf(st);
}

Result<std::string> readWhole(const std::string &path, uint64_t limit) {
  RECAST_ASSIGN(File file, File::open(path));
  if (file.size() > limit) {
    Error error(Code::BadInput,
                fmt::format("{} bytes, where at most {} are expected", file.size(), limit));
    return fail(std::move(error).file(path));
  }
  return file.read(0, file.size());
}

} // namespace recast::io
