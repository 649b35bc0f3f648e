// What a run counted, for people and for machines.
#pragma once

#include "runtime/capi/Instantiate.h"
#include "runtime/exec/Program.h"

#include <span>
#include <string>

namespace recast::tools {

/// A few lines: bytes, ratio of read to needed, what was copied and left out, checks, memory, rate.
std::string reportText(const exec::Report &report, const capi::Instance &instance,
                       const plan::Plan &plan);
/// `ready`: tensors to be listed.
std::string reportJson(const exec::Report &report, const capi::Instance &instance,
                       std::span<const exec::ReadyTensor> ready);

} // namespace recast::tools
