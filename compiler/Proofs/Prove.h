// The static proofs (D7): before any bulk byte moves, each failing with a witness.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include <string>
#include <vector>

namespace recast::compiler {

/// One thing that was proved, as a sentence with its numbers.
struct Proof {
  std::string statement;
};

/// Proves, or refutes with tensor, element range and file (Code::Internal: a plan that fails is a
/// bug of ours, or an artifact that somebody changed):
/// - every element of every target tensor is written exactly once;
/// - every byte of every target file is a literal, a tensor's or a kept file's, exactly once;
/// - every read lies inside its file, inside the buffer it belongs to.
/// That every source tensor and object is used or left out on purpose is decided while binding
/// (compiler/Bind/Resolve.h) and listed in Plan::leftOut.
Result<std::vector<Proof>> prove(const plan::Plan &plan);

} // namespace recast::compiler
