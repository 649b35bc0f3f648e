// Whether one folder lies in another, whatever links lead there.
#pragma once

#include <string>

namespace recast::io {

/// True also if both are the same. What does not exist yet counts by its name.
bool isInside(const std::string &inner, const std::string &outer);
bool isSameFolder(const std::string &a, const std::string &b);

} // namespace recast::io
