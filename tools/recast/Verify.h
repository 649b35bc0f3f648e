// `recast verify PATH`: is everything there, and is it what was written?
#pragma once

#include "runtime/base/Status.h"

#include <string>

namespace recast::tools {

/// An output of Recast is compared with its manifest (every file, every extent, nothing surplus in
/// the folder of a tag) and must be complete in the eyes of its format; any other checkpoint is
/// read and compared with the checksums that its own files carry. Errors name file and bytes:
/// Code::Negative for bytes that changed, Code::BadInput where there is nothing to compare with.
Result<int> verify(const std::string &path, bool quiet);

} // namespace recast::tools
