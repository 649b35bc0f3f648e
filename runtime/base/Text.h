// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace recast {

/// "512 B", "1.50 MiB": binary units, two decimals from a KiB on.
std::string bytesText(uint64_t bytes);

} // namespace recast
