// What a clone of a model repository holds instead of a large file that was not fetched.
#pragma once

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace recast::format {

/// BadInput, with the way to fetch it, if `head`, the first bytes of the file at `path`, begins a
/// Git LFS pointer (its specification, version 1).
Status refuseLfsPointer(std::string_view head, const std::string &path);

} // namespace recast::format
