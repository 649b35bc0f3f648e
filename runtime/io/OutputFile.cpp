#include "runtime/io/OutputFile.h"

#include "runtime/io/Directory.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <memory>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace recast::io {

Status writeAt(int fd, uint64_t offset, const void *data, size_t size, std::string_view shown) {
  const char *from = static_cast<const char *>(data);
  size_t done = 0;
  while (done < size) {
    ssize_t put = ::pwrite(fd, from + done, size - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR)
      continue;
    if (put > 0) {
      done += static_cast<size_t>(put);
      continue;
    }
    int code = put < 0 ? errno : ENOSPC;
    Error error = std::move(ioError("cannot write", code, shown).value());
    if (code == ENOSPC || code == EDQUOT)
      error = std::move(error).hint("Free some space, or write to another file system.");
    return fail(std::move(error).bytes(offset, offset + size));
  }
  return {};
}

void reserve(int fd, uint64_t size) {
  struct stat st;
  struct statfs system;
  if (size < kReservedFrom || ::fstat(fd, &st) != 0 || st.st_blocks != 0 ||
      ::fstatfs(fd, &system) != 0 || system.f_type != EXT4_SUPER_MAGIC)
    return;
  (void)::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size));
}

Status readAt(int fd, uint64_t offset, void *data, size_t size, std::string_view shown) {
  char *out = static_cast<char *>(data);
  for (size_t done = 0; done < size;) {
    ssize_t got = ::pread(fd, out + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ioError("cannot read back", errno, shown);
    if (got == 0)
      return fail(Error(Code::Io, "what was written is gone")
                      .file(shown)
                      .bytes(offset + done, offset + size));
    done += static_cast<size_t>(got);
  }
  return {};
}

Status writeFile(int folder, const std::string &path, std::string_view bytes, bool sync,
                 std::string_view shown) {
  Descriptor file = openBeneath(folder, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (!file)
    return ioError("cannot create", errno, shown);
  RECAST_TRY(writeAt(file.get(), 0, bytes.data(), bytes.size(), shown));
  if (sync && ::fsync(file.get()) != 0)
    return ioError("cannot flush", errno, shown);
  // Network file systems report late write errors here and nowhere else.
  if (::close(file.release()) != 0)
    return ioError("cannot close", errno, shown);
  return {};
}

Result<std::string> readFile(int folder, const std::string &path, uint64_t limit,
                             std::string_view shown) {
  Descriptor file = openBeneath(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (!file || ::fstat(file.get(), &st) != 0)
    return ioError("cannot open", errno, shown);
  if (!S_ISREG(st.st_mode) || static_cast<uint64_t>(st.st_size) > limit)
    return fail(
        Error(Code::BadInput, fmt::format("not a file of at most {} bytes", limit)).file(shown));
  std::string out(static_cast<size_t>(st.st_size), '\0');
  size_t done = 0;
  while (done < out.size()) {
    ssize_t got =
        ::pread(file.get(), out.data() + done, out.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ioError("cannot read", errno, shown);
    if (got == 0)
      return fail(Error(Code::BadInput, "the file shrank while it was read").file(shown));
    done += static_cast<size_t>(got);
  }
  return out;
}

static Status copyFile(int from, int to, std::string_view shown) {
  constexpr size_t kChunk = size_t{256} << 10;
  auto buffer = std::make_unique<char[]>(kChunk);
  for (uint64_t offset = 0;;) {
    ssize_t got = ::pread(from, buffer.get(), kChunk, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ioError("cannot read back", errno, shown);
    if (got == 0)
      return {};
    RECAST_TRY(writeAt(to, offset, buffer.get(), static_cast<size_t>(got), shown));
    offset += static_cast<uint64_t>(got);
  }
}

Status linkOrCopy(int folder, const std::string &existing, const std::string &name,
                  std::string_view shown) {
  if (::linkat(folder, existing.c_str(), folder, name.c_str(), 0) == 0)
    return {};
  if (errno == EEXIST)
    return ioError("cannot link", errno, shown);
  Descriptor from = openBeneath(folder, existing, O_RDONLY);
  Descriptor to = openBeneath(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!from || !to)
    return ioError("cannot copy to the second name", errno, shown);
  RECAST_TRY(copyFile(from.get(), to.get(), shown));
  if (::close(to.release()) != 0)
    return ioError("cannot close", errno, shown);
  return {};
}

} // namespace recast::io
