// Names come from files and end on terminals: escape sequences and line breaks in them must not.
#pragma once

#include <string>
#include <string_view>

namespace recast::format {

/// `text` with control bytes and invalid UTF-8 as `\xNN`, cut after `limit` bytes.
std::string printable(std::string_view text, size_t limit = 200);

} // namespace recast::format
