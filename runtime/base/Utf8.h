// Which byte strings are text: names and JSON must be well-formed UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace recast {

/// Strict UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
inline bool isUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    size_t extra = lead < 0x80         ? 0
                   : lead >> 5 == 0x6  ? 1
                   : lead >> 4 == 0xE  ? 2
                   : lead >> 3 == 0x1E ? 3
                                       : 4;
    if (extra == 4 || text.size() - i <= extra)
      return false;
    uint32_t point = extra == 0 ? lead : lead & (0x3Fu >> extra);
    for (size_t k = 1; k <= extra; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      if (next >> 6 != 0x2)
        return false;
      point = point << 6 | (next & 0x3F);
    }
    constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[extra] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
      return false;
    i += 1 + extra;
  }
  return true;
}

} // namespace recast
