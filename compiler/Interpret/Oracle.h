// The oracle: a naive scalar interpreter of bound IR. It shares nothing with the expansion, the
// executor and the kernels but the definitions (layout::elementMap, recipe::castBits); for every
// rewrite, kernel and backend, compiled == oracle, bit for bit.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace recast::compiler {

/// A target tensor as it must come out: row-major, little-endian.
struct OracleTensor {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::string bytes;
  bool operator==(const OracleTensor &) const = default;
};
/// (target, role, name)
using OracleKey = std::tuple<std::string, std::string, std::string>;

/// Evaluates every member of every `ckpt.family` of `bound`, reading the source files whole. For
/// small checkpoints: it keeps everything in memory. A failing `ckpt.check_equal` is an error with
/// Code::Negative that names the tensor and the element.
Result<std::map<OracleKey, OracleTensor>> interpretBound(mlir::ModuleOp bound);

} // namespace recast::compiler
