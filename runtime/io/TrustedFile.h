// Files whose bytes will be executed or obeyed: read only where nobody else could have put them.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/io/Descriptor.h"

#include <cstdint>
#include <string>

namespace recast::io {

/// The whole of a regular file that belongs to this user (or to root) and that nobody else may
/// write; Code::Usage says what is wrong with one that is not. Symbolic links are followed: the
/// file counts, whatever its name is.
Result<std::string> readTrusted(const std::string &path, uint64_t limit);
/// The same below a folder, where links are refused. A missing file is an error with
/// Code::BadInput.
Result<std::string> readTrusted(int folder, const std::string &name, uint64_t limit,
                                const std::string &shown);

/// Opens a folder that belongs to this user and is open to nobody else (0700); with `create`, makes
/// it and what is missing above it. Code::BadInput if there is none, Code::Usage if it is not ours.
Result<Descriptor> openPrivateFolder(const std::string &path, bool create);

} // namespace recast::io
