// The pipe dialect: pipeline schedules, declared and as explicit lists.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "dialect/Pipe/PipeDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Pipe/PipeAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialect/Pipe/PipeOps.h.inc"
