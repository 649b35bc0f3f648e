#include "runtime/exec/Bytes.h"

#include "runtime/exec/Box.h"

#include <algorithm>
#include <tuple>

namespace recast::exec {
namespace {

struct Range {
  uint32_t file = 0;
  uint64_t begin = 0, end = 0;
};

/// Ranges that follow each other are joined as they come: most tasks are in the order of the file.
void append(std::vector<Range> &ranges, Range next) {
  if (!ranges.empty() && ranges.back().file == next.file && ranges.back().end == next.begin)
    ranges.back().end = next.end;
  else if (next.begin < next.end)
    ranges.push_back(next);
}

uint64_t unionSize(std::vector<Range> &ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range &a, const Range &b) {
    return std::tie(a.file, a.begin) < std::tie(b.file, b.begin);
  });
  uint64_t total = 0, end = 0;
  uint32_t file = 0;
  for (const Range &range : ranges) {
    if (range.file != file)
      end = 0;
    file = range.file;
    if (range.end > end)
      total += range.end - std::max(range.begin, end);
    end = std::max(end, range.end);
  }
  return total;
}

bool reachesOutput(const Task &task, size_t input) {
  return std::any_of(task.outputs.begin(), task.outputs.end(), [&](const TaskOutput &output) {
    return std::find(output.inputs.begin(), output.inputs.end(), input) != output.inputs.end();
  });
}

} // namespace

TouchedBytes touchedBytes(const Program &program) {
  std::vector<Range> needed, all;
  for (const Task &task : program.tasks)
    for (size_t i = 0; i < task.inputs.size(); ++i) {
      const TaskInput &input = task.inputs[i];
      if (input.isConstant())
        continue;
      const bool reaches = reachesOutput(task, i);
      forEachSegment(program, task, i, [&](uint64_t offset, uint64_t bytes) {
        append(all, {input.file, offset, offset + bytes});
        if (reaches)
          append(needed, {input.file, offset, offset + bytes});
      });
    }
  TouchedBytes out;
  out.needed = unionSize(needed);
  out.forChecks = unionSize(all) - out.needed;
  return out;
}

} // namespace recast::exec
