// Numbers and commands as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace recast {

/// "512 B", "1.50 MiB": binary units, two decimals from a KiB on.
std::string bytesText(uint64_t bytes);

/// What a user typed, ready to be pasted into a shell again.
std::string commandText(int count, const char *const *words);

} // namespace recast
