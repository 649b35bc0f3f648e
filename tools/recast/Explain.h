// What a plan will do, before it does it: proofs, bytes, files, what is left out.
#pragma once

#include "tools/recast/Driver.h"

#include <string>

namespace recast::tools {

/// The proofs, as `check` shows them.
std::string proofsText(const PlanOrJob &loaded);
/// The whole explanation; includes IR text where it was kept.
Result<std::string> explainText(const PlanOrJob &loaded);
Result<std::string> explainJson(const PlanOrJob &loaded);

} // namespace recast::tools
