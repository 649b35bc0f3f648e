//===- Ckpt.td - root of the ckpt dialect ----------------------------------------------------------===//

#ifndef RECAST_DIALECT_CKPT_TD
#define RECAST_DIALECT_CKPT_TD

include "dialect/Ckpt/CkptDeclaredOps.td"
include "dialect/Ckpt/CkptInteropOps.td"
include "dialect/Ckpt/CkptPredictOps.td"
include "dialect/Ckpt/CkptVaryingOps.td"

#endif // RECAST_DIALECT_CKPT_TD
