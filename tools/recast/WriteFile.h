// Small files that a user keeps (specs, plans): whole or not at all.
#pragma once

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace recast::tools {

/// Writes beside, flushes, renames over `path`. Code::Usage where that is something else than a
/// file.
Status replaceFile(const std::string &path, std::string_view bytes);
/// The same, but refuses if `path` exists.
Status writeNewFile(const std::string &path, std::string_view bytes);

/// Code::Usage if `output` is the file `input`, under whatever name: what was read is not written
/// over.
Status refuseInput(const std::string &output, const std::string &input);

} // namespace recast::tools
