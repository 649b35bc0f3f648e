// Which bytes of the sources the tasks touch, as unions of ranges.
#pragma once

#include "runtime/exec/Program.h"

namespace recast::exec {

struct TouchedBytes {
  uint64_t needed = 0;    ///< Union of ranges whose elements reach an output.
  uint64_t forChecks = 0; ///< Union of the further ranges that only checks or checksums need.
};

TouchedBytes touchedBytes(const Program &program);

/// Bytes of one input of a task, or of the task's elements in an output of `dtype`.
inline uint64_t taskBytes(const Task &task, DType dtype) {
  return static_cast<uint64_t>(task.count) * byteWidth(dtype);
}

} // namespace recast::exec
