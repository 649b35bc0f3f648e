// What a plan will do, before it does it: proofs, bytes, files, what is left out.
#pragma once

#include "runtime/exec/Program.h"
#include "tools/recast/Driver.h"

#include <string>

namespace recast::tools {

/// The proofs, as `check` shows them.
std::string proofsText(const PlanOrJob &loaded);
/// What executing the plan will hold in memory, and that the budget allows it.
std::string memoryText(const plan::Plan &plan, const exec::MemoryForecast &memory);
/// The whole explanation; includes IR text where it was kept, and on demand why the plan is as it
/// is.
Result<std::string> explainText(const PlanOrJob &loaded, bool why = false);
Result<std::string> explainJson(const PlanOrJob &loaded, bool why = false);

} // namespace recast::tools
