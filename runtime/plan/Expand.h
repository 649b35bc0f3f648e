// The expansion of a plan: what is read, computed and written, run by run (D8: no communication, a
// pure function of plan and target places). The static proofs call the same code.
#pragma once

#include "runtime/plan/Plan.h"

#include <functional>
#include <optional>

namespace recast::plan {

/// A contiguous run of source elements.
struct RunInput {
  uint32_t file = 0;
  uint64_t offset = 0; ///< In bytes. For a scalar: its bits, and `file` is kNone.
};
/// A contiguous run of target elements: byte offset inside the tensor's own place in the target.
struct RunOutput {
  uint64_t tensorByte = 0;
};

/// Consecutive elements of one member on which every input and output is contiguous.
struct Run {
  uint32_t family = 0, member = 0;
  int64_t logicalOffset = 0;
  int64_t count = 0;
  std::vector<RunInput> inputs;
  std::vector<RunOutput> outputs;
};

/// Calls `visit` for every run of a member, in logical order; stops at its first error.
Status expandMember(const Plan &plan, uint32_t family, uint32_t member,
                    const std::function<Status(const Run &)> &visit);

/// A member whose inputs are scalars (steps): nothing is read for it.
bool isScalarMember(const Family &family, size_t member);
/// The value of output `slot` of such a member, as bits of the output's dtype.
uint64_t scalarOutput(const Family &family, size_t member, size_t slot);

} // namespace recast::plan
