// Why a plan is as it is: what the compiler did for each family, what that saves, and what it did
// not do. Counted in the tables of the plan and the tasks they expand to.
#pragma once

#include "runtime/capi/Instantiate.h"
#include "runtime/device/cpu/KernelFinder.h"
#include "tools/recast/Driver.h"

#include <cstdint>
#include <string>
#include <vector>

namespace recast::tools {

struct Reason {
  bool isApplied = false;
  std::string rewrite, text;
  /// Saved where it is applied, spent where it is not.
  uint64_t readBytes = 0;      ///< Of sources, read once more.
  uint64_t temporaryBytes = 0; ///< Written to values in between, and read from them.
  uint64_t tableBytes = 0;     ///< Of tables in memory.
  bool operator==(const Reason &) const = default;
};

struct Why {
  std::vector<std::vector<Reason>> families; ///< By family of the plan.
  std::vector<Reason> plan;                  ///< What concerns more than one.
};

/// `instance`: all of the plan's targets.
Result<Why> whyOf(const PlanOrJob &loaded, const capi::Instance &instance,
                  device::cpu::KernelFinder &kernels);

/// "saves 67.00 KiB of reads", or "costs"; empty where nothing is counted.
std::string amountText(const Reason &reason);

} // namespace recast::tools
