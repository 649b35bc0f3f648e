// A spec said again through the C++ builder, call by call: what the builder cannot say, this
// cannot copy.
#pragma once

#include "lang/ast/Builder.h"

namespace recast::lang::test {

/// Says `spec` to `builder`. Jobs must read and write endpoints of the spec.
void replay(const Spec &spec, SpecBuilder &builder);

} // namespace recast::lang::test
