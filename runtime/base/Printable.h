// Names come from files and end on terminals: escape sequences and line breaks in them must not.
#pragma once

#include <string>
#include <string_view>

namespace recast {

/// `text` with control bytes and invalid UTF-8 as `\xNN`, cut after `limit` bytes.
std::string printable(std::string_view text, size_t limit = 200);
/// The same of a whole text, in which line feeds and tabs stay.
std::string printableLines(std::string_view text);

} // namespace recast
