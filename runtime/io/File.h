// Positional, read-only access to one regular file. Never mmap: a file that is cut short while it
// is mapped kills the process, a short read is an error that names the byte.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace recast::io {

/// Size in bytes and modification time: together they tell whether a source changed.
struct FileInfo {
  uint64_t size = 0;
  int64_t mtimeNs = 0;
  bool operator==(const FileInfo &) const = default;
};

/// An open file; closed on destruction. Reads are thread-safe (`pread`, no file position).
class File {
public:
  /// Opens `path` for reading. Symbolic links are followed (model hubs link their files); anything
  /// that is not a regular file is refused, without blocking on a FIFO.
  static Result<File> open(const std::string &path);

  File(File &&other) noexcept;
  File &operator=(File &&other) noexcept;
  ~File();

  const std::string &path() const { return path_; }
  uint64_t size() const { return info_.size; }
  const FileInfo &info() const { return info_; } ///< As it was when the file was opened.

  /// Reads exactly [offset, offset + size); a file that ends before is an error.
  Status readAt(uint64_t offset, void *data, size_t size) const;
  /// The same into a string. The range is checked against the size before anything is allocated.
  Result<std::string> read(uint64_t offset, uint64_t size) const;

private:
  File(int fd, std::string path, FileInfo info) : fd_(fd), path_(std::move(path)), info_(info) {}
  int fd_ = -1;
  std::string path_;
  FileInfo info_;
};

/// Size and time of a regular file, without opening it.
Result<FileInfo> statFile(const std::string &path);

/// The whole file; one larger than `limit` bytes is refused.
Result<std::string> readWhole(const std::string &path, uint64_t limit);

} // namespace recast::io
