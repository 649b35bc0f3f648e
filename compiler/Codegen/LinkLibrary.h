// From an object to a shared library that the runtime can load.
#pragma once

#include "runtime/base/Status.h"

#include <string>

namespace recast::codegen {

/// Links with lld, as a process of its own, into a library that needs no other one; undefined
/// symbols are errors. Code::Usage if there is no lld on this machine.
Result<std::string> linkLibrary(const std::string &object);

} // namespace recast::codegen
