// Specs that nobody thought of: any names, values and statements that a text can hold.
#pragma once

#include "lang/ast/Builder.h"

namespace recast::lang::test {

/// The same spec for the same seed. It can be written and parsed; `check` would refuse most.
void fillRandomly(SpecBuilder &builder, unsigned seed);

} // namespace recast::lang::test
