// Targets of a plan as file images: called to prove (compiler), to instantiate and to rebind
// (capi).
#pragma once

#include "runtime/format/TargetWriter.h"
#include "runtime/plan/Plan.h"

namespace recast::format {

/// The file images of one target of a plan, and where each output of each member lies in them.
struct TargetImages {
  std::shared_ptr<TargetWriter> writer;
  /// Parallel to `memberOutputs` of each family: index into the writer's tensors, or
  /// kNone for outputs of other targets.
  std::vector<std::vector<uint32_t>> tensorOf;
};
Result<TargetImages> makeImages(const plan::Plan &plan, uint32_t target);

} // namespace recast::format
