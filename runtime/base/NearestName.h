// "did you mean ...?": the candidate closest to a misspelt name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace recast {

/// The candidate with the smallest edit distance to `name`, or "" when none is within a third of
/// its length (a far guess misleads more than it helps).
std::string nearestName(std::string_view name, std::span<const std::string> candidates);

} // namespace recast
