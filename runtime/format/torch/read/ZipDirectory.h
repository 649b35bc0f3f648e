// The directory of a zip file that torch.save wrote: where the payload of every member lies.
//
// Own code, because no library says it: libzip and its kin hand out streams, and never the byte of
// the file at which a stored member begins, which is what reading a slice of a tensor needs. It is
// also stricter than they are: one file must not mean two things to two readers (APPNOTE.TXT 6.3).
#pragma once

#include "runtime/io/File.h"

#include <map>
#include <string>
#include <vector>

namespace recast::format::torch {

/// A stored member; offsets and sizes in bytes of the file.
struct ZipMember {
  std::string name;
  uint64_t headerOffset = 0; ///< Of the local header.
  uint64_t offset = 0;       ///< Of the payload.
  uint64_t size = 0;
  uint32_t crc32 = 0;
};

class ZipDirectory {
public:
  /// Reads the central directory and the local headers. Required: exactly one end record at the
  /// very end, everything inside the file, no overlaps, unique names, local headers that agree,
  /// no compression, no encryption. A file that was cut off is reported as truncated.
  static Result<ZipDirectory> read(const io::File &file);

  const std::vector<ZipMember> &members() const { return members_; } ///< In directory order.
  /// Null if there is no such member.
  const ZipMember *find(std::string_view name) const;

private:
  std::vector<ZipMember> members_;
  std::map<std::string, size_t, std::less<>> byName_;
};

} // namespace recast::format::torch
