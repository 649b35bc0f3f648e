#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

#include "dialect/Ckpt/CkptDialect.cpp.inc"

namespace recast::ir::ckpt {

void CkptDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "dialect/Ckpt/CkptOps.cpp.inc"
      >();
}

} // namespace recast::ir::ckpt
