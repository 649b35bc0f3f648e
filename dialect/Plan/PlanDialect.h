// The plan dialect: the text form of a plan artifact.
#pragma once

#include "dialect/Plan/PlanTables.h"
#include "runtime/base/DType.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "dialect/Plan/PlanDialect.h.inc"
#include "dialect/Plan/PlanEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Plan/PlanAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialect/Plan/PlanOps.h.inc"
