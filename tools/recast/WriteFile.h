// Small files that a user keeps (specs, plans): whole or not at all.
#pragma once

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace recast::tools {

/// Writes beside, flushes, renames over `path`.
Status replaceFile(const std::string &path, std::string_view bytes);
/// The same, but refuses if `path` exists.
Status writeNewFile(const std::string &path, std::string_view bytes);

} // namespace recast::tools
