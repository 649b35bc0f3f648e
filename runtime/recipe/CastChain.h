// Two casts in a row.
#pragma once

#include "runtime/base/DType.h"

#include <string>

namespace recast::recipe {

/// Why a cast from `from` to `to` is not what the one over `between` gives, for people; empty where
/// castsAsOne().
std::string whyNotOneCast(DType from, DType between, DType to);

} // namespace recast::recipe
