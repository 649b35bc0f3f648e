// `recast diff A B`: two checkpoints of any formats, compared by logical name, bit for bit.
#pragma once

#include "runtime/base/Status.h"

#include <string>

namespace recast::tools {

struct DiffOptions {
  bool json = false;
  bool values = false; ///< Read values even where both manifests have digests of them.
  bool strict = false; ///< Other dtypes and roles of one side only are differences, not notes.
};

/// Prints what differs; Code::Negative is not used: the result says whether they are equal.
Result<bool> diff(const std::string &left, const std::string &right, const DiffOptions &options);

} // namespace recast::tools
