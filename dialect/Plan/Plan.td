//===- Plan.td - tablegen root of the plan dialect --------------------------------------------===//

#ifndef RECAST_DIALECT_PLAN_TD
#define RECAST_DIALECT_PLAN_TD

include "dialect/Plan/PlanBase.td"
include "dialect/Plan/PlanAttrs.td"
include "dialect/Plan/PlanOps.td"

#endif // RECAST_DIALECT_PLAN_TD
