#include "runtime/exec/WriteCuts.h"

#include <algorithm>
#include <bit>

namespace recast::exec {

int64_t cutForWrites(const Program &program, const Task &task, int64_t first, int64_t count) {
  if (task.outputs.empty())
    return count;
  const unsigned width = byteWidth(program.slices[task.outputs[0].slice].outputType(0));
  const uint64_t bytes = static_cast<uint64_t>(count) * width;
  const uint64_t end = task.outputs[0].offset + static_cast<uint64_t>(first) * width + bytes;
  const uint64_t beyond = end % std::min(std::bit_floor(bytes), kFolioBytes);
  return std::max<int64_t>(count - static_cast<int64_t>(beyond / width), 1);
}

} // namespace recast::exec
