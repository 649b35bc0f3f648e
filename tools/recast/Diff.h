// `recast diff A B`: two checkpoints of any formats, compared by logical name, bit for bit.
#pragma once

#include "runtime/base/Status.h"

#include <string>

namespace recast::tools {

/// Prints what differs; Code::Negative is not used: the result says whether they are equal.
Result<bool> diff(const std::string &left, const std::string &right, bool json);

} // namespace recast::tools
