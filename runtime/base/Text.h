// Numbers and commands as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast {

/// "512 B", "1.50 MiB": binary units, two decimals from a KiB on.
std::string bytesText(uint64_t bytes);

/// "512MiB", "5 GB", "4096": a positive whole number, alone or with a unit (KB MB GB TB PB: powers
/// of 1000, KiB MiB GiB TiB PiB: powers of 1024; either case, "B" too). Nothing for another text,
/// and where the bytes do not fit 64 bits.
std::optional<uint64_t> parseBytes(std::string_view text);
/// What to write where parseBytes() has nothing: a sentence, for hints.
inline constexpr std::string_view kBytesHint =
    "Write bytes or a whole number with a unit, such as 5GB or 512MiB.";

/// What a user typed, ready to be pasted into a shell again.
std::string commandText(int count, const char *const *words);

} // namespace recast
