// Writing: positional, complete or an error that names file and bytes.
#pragma once

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace recast::io {

/// Writes all of [offset, offset + size); `shown` is the path for messages.
Status writeAt(int fd, uint64_t offset, const void *data, size_t size, std::string_view shown);

/// Asks the file system for the room of a file of `size` bytes that has just been created, where
/// that makes writing it cheaper: on ext4, which then need not find room block by block, from
/// kReservedFrom on. Its length stays what is written, so that a crash leaves of a file that was
/// not flushed what it would leave without this, not one of full length with zeros for its end.
/// Where this fails, writing says what the matter is.
void reserve(int fd, uint64_t size);
inline constexpr uint64_t kReservedFrom = uint64_t{1} << 20; ///< Bytes.

/// Reads back exactly [offset, offset + size) of what was written.
Status readAt(int fd, uint64_t offset, void *data, size_t size, std::string_view shown);

/// Creates or replaces `path` below `folder` with `bytes`; parents must exist. With `sync`, the
/// content is on the device on return (the folder entry is not).
Status writeFile(int folder, const std::string &path, std::string_view bytes, bool sync,
                 std::string_view shown);

/// The whole of a file below `folder`; one larger than `limit` bytes is refused.
Result<std::string> readFile(int folder, const std::string &path, uint64_t limit,
                             std::string_view shown);

/// A second name for a file below `folder`: a hard link, or a copy where the file system has none.
Status linkOrCopy(int folder, const std::string &existing, const std::string &name,
                  std::string_view shown);

} // namespace recast::io
