#include "runtime/exec/Box.h"

#include "runtime/exec/Bytes.h"
#include "runtime/exec/Schedule.h"

#include <algorithm>

namespace recast::exec {

size_t operandCount(const Task &task) { return task.inputs.size() + task.outputs.size(); }

unsigned operandWidth(const Program &program, const Task &task, size_t operand) {
  if (operand < task.inputs.size())
    return byteWidth(task.inputs[operand].dtype);
  const TaskOutput &output = task.outputs[operand - task.inputs.size()];
  return byteWidth(program.slices[output.slice].outputType(0));
}

uint64_t operandOffset(const Task &task, size_t operand) {
  return operand < task.inputs.size() ? task.inputs[operand].offset
                                      : task.outputs[operand - task.inputs.size()].offset;
}

bool isConstant(const Task &task, size_t operand) {
  return operand < task.inputs.size() && task.inputs[operand].isConstant();
}

int64_t SubBox::count() const {
  int64_t count = 1;
  for (int64_t extent : extents)
    count *= extent;
  return count;
}

SubBox wholeBox(const Task &task) {
  SubBox box;
  for (const TaskDim &dim : task.dims) {
    box.origin.push_back(0);
    box.extents.push_back(dim.extent);
  }
  return box;
}

std::vector<layout::StridedDim> operandDims(const Task &task, const SubBox &box, size_t operand) {
  std::vector<layout::StridedDim> dims;
  for (size_t d = 0; d < task.dims.size(); ++d)
    dims.push_back({box.extents[d], task.dims[d].strides[operand]});
  return dims;
}

int64_t operandStart(const Task &task, const SubBox &box, size_t operand) {
  int64_t start = 0;
  for (size_t d = 0; d < task.dims.size(); ++d)
    start += box.origin[d] * task.dims[d].strides[operand];
  return start;
}

uint64_t operandSpan(const Program &program, const Task &task, size_t operand) {
  int64_t elements = task.dims.empty()
                         ? task.count
                         : layout::spanOfBox(operandDims(task, wholeBox(task), operand));
  return static_cast<uint64_t>(elements) * operandWidth(program, task, operand);
}

void forEachSegment(const Program &program, const Task &task, size_t operand,
                    const std::function<void(uint64_t, uint64_t)> &visit) {
  const unsigned width = operandWidth(program, task, operand);
  const uint64_t offset = operandOffset(task, operand);
  if (task.dims.empty())
    return visit(offset, static_cast<uint64_t>(task.count) * width);
  layout::Segments segments(operandDims(task, wholeBox(task), operand));
  do
    visit(offset + static_cast<uint64_t>(segments.offset()) * width,
          static_cast<uint64_t>(segments.count()) * width);
  while (segments.advance());
}

namespace {
/// How far an operand's segments have grown: through the dims of its order before `next`.
struct Growth {
  std::vector<size_t> order; ///< Fastest dim first.
  std::vector<int64_t> strides;
  unsigned width = 1;
};

/// The dim along which the segments of an operand can still grow, or -1; `bytes` receives how long
/// they are now.
int nextDim(const Growth &growth, std::span<const int64_t> whole,
            const std::vector<int64_t> &extents, int64_t &bytes) {
  int64_t contiguous = 1;
  for (size_t d : growth.order) {
    if (whole[d] == 1)
      continue;
    bytes = contiguous * growth.width;
    if (growth.strides[d] != contiguous)
      return -1;
    contiguous *= extents[d];
    bytes = contiguous * growth.width;
    if (extents[d] < whole[d])
      return static_cast<int>(d);
  }
  return -1;
}
} // namespace

std::vector<int64_t> partExtents(const Program &program, const Task &task,
                                 std::span<const int64_t> whole, int64_t elements) {
  std::vector<int64_t> extents(whole.size(), 1);
  std::vector<Growth> growths;
  for (size_t operand = 0; operand < operandCount(task); ++operand) {
    if (isConstant(task, operand))
      continue;
    Growth growth;
    growth.width = operandWidth(program, task, operand);
    std::vector<layout::StridedDim> dims;
    for (size_t d = 0; d < whole.size(); ++d) {
      dims.push_back({whole[d], task.dims[d].strides[operand]});
      growth.strides.push_back(task.dims[d].strides[operand]);
    }
    growth.order = layout::strideOrder(dims);
    std::reverse(growth.order.begin(), growth.order.end());
    growths.push_back(std::move(growth));
  }
  int64_t count = 1;
  auto grow = [&](size_t d) { // Doubles it, or fills what room there is.
    int64_t most = elements / (count / extents[d]);
    int64_t extent = std::min({whole[d], most, 2 * extents[d]});
    if (extent <= extents[d])
      return false;
    count = count / extents[d] * extent;
    extents[d] = extent;
    return true;
  };
  while (true) {
    int best = -1;
    int64_t shortest = INT64_MAX;
    for (const Growth &growth : growths) {
      int64_t bytes = 0;
      int dim = nextDim(growth, whole, extents, bytes);
      if (dim >= 0 && bytes < shortest) {
        shortest = bytes;
        best = dim;
      }
    }
    if (best < 0 || !grow(static_cast<size_t>(best)))
      break;
  }
  // No segment can grow: more of them, in the order of the first operand.
  if (!growths.empty())
    for (size_t d : growths[0].order) {
      while (grow(d)) {
      }
      if (extents[d] < whole[d])
        break;
    }
  return extents;
}

BoxGrid::BoxGrid(SubBox box, std::vector<int64_t> part)
    : box_(std::move(box)), part_(std::move(part)) {
  for (size_t d = 0; d < part_.size(); ++d)
    size_ *= (box_.extents[d] + part_[d] - 1) / part_[d];
}

SubBox BoxGrid::part(int64_t index) const {
  SubBox out = box_;
  for (size_t d = part_.size(); d-- > 0;) {
    int64_t parts = (box_.extents[d] + part_[d] - 1) / part_[d];
    int64_t at = index % parts * part_[d];
    index /= parts;
    out.origin[d] = box_.origin[d] + at;
    out.extents[d] = std::min(part_[d], box_.extents[d] - at);
  }
  return out;
}

namespace {
unsigned widestOperand(const Program &program, const Task &task) {
  unsigned width = 1;
  for (size_t operand = 0; operand < operandCount(task); ++operand)
    width = std::max(width, operandWidth(program, task, operand));
  return width;
}
} // namespace

BoxGrid unitsOf(const Program &program, const Task &task) {
  SubBox whole = wholeBox(task);
  auto elements = static_cast<int64_t>(kUnitBytes / widestOperand(program, task));
  auto part = partExtents(program, task, whole.extents, elements);
  return {std::move(whole), std::move(part)};
}

bool streamsOutput(const Program &program, const Task &task, size_t output) {
  const SubBox whole = wholeBox(task);
  for (size_t operand = 0; operand < operandCount(task); ++operand)
    for (size_t d = 1; d < task.dims.size() && !isConstant(task, operand); ++d)
      if (task.dims[d].strides[operand] > task.dims[d - 1].strides[operand])
        return false;
  const SubBox unit = unitsOf(program, task).part(0);
  return layout::Segments(operandDims(task, unit, task.inputs.size() + output)).number() == 1;
}

} // namespace recast::exec
