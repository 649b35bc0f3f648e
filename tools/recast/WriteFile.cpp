#include "tools/recast/WriteFile.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace recast::tools {
namespace {

Status writeAll(int fd, std::string_view bytes, const std::string &path) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0)
      return ioError("cannot write", errno, path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0 ? Status{} : ioError("cannot flush", errno, path);
}

} // namespace

Status replaceFile(const std::string &path, std::string_view bytes) {
  std::error_code ignored;
  auto there = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there))
    return fail(Error(Code::Usage, std::filesystem::is_directory(there)
                                       ? "a folder of that name exists"
                                       : "this is no regular file, and would be replaced by one")
                    .file(path)
                    .hint("Give the name of a file."));
  std::string staged = fmt::format("{}.tmp-{}", path, getpid());
  int fd = open(staged.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    return ioError("cannot create", errno, path);
  Status status = writeAll(fd, bytes, staged);
  close(fd);
  if (status && rename(staged.c_str(), path.c_str()) != 0)
    status = ioError("cannot rename over", errno, path);
  if (!status)
    unlink(staged.c_str());
  return status;
}

Status writeNewFile(const std::string &path, std::string_view bytes) {
  if (access(path.c_str(), F_OK) == 0)
    return fail(Error(Code::Usage, "the file exists")
                    .file(path)
                    .hint("Choose another name, or remove it first."));
  return replaceFile(path, bytes);
}

Status refuseInput(const std::string &output, const std::string &input) {
  std::error_code ignored;
  if (!std::filesystem::equivalent(output, input, ignored))
    return {};
  return fail(Error(Code::Usage, "what is read would be written over")
                  .file(output)
                  .hint("Give another name for the output."));
}

} // namespace recast::tools
