#pragma once

#include "runtime/base/Printable.h" // IWYU pragma: export

namespace recast::format {
using recast::printable;
} // namespace recast::format
