#include "runtime/base/Printable.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast {
namespace {

/// Bytes of the well-formed sequence at the start of `text`; 0 if there is none.
size_t sequenceLength(std::string_view text) {
  unsigned char lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80)
    return lead >= 0x20 && lead != 0x7F ? 1 : 0;
  size_t length = lead >= 0xC2 && lead <= 0xDF ? 2
                  : lead >> 4 == 0xE           ? 3
                  : lead >> 3 == 0x1E          ? 4
                                               : 0;
  if (length == 0 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if (static_cast<unsigned char>(text[i]) >> 6 != 0x2)
      return 0;
  // C1 controls are terminal controls too.
  bool control = lead == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
  return control ? 0 : length;
}

} // namespace

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  std::string_view rest = text;
  while (!rest.empty() && text.size() - rest.size() < limit) {
    size_t length = sequenceLength(rest);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(rest[0]));
      length = 1;
    } else {
      out += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  if (!rest.empty())
    out += fmt::format("... ({} bytes)", text.size());
  return out;
}

std::string printableLines(std::string_view text) {
  std::string out;
  for (size_t at = 0;;) {
    size_t end = std::min(text.find_first_of("\n\t", at), text.size());
    out += printable(text.substr(at, end - at), text.npos);
    if (end == text.size())
      return out;
    out += text[end];
    at = end + 1;
  }
}

} // namespace recast
