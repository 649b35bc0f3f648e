// Strided tasks: a tile is a box, read and written in segments, and turned in between where inputs
// and outputs have their dims in different orders.
#include "runtime/exec/Box.h"
#include "runtime/exec/Stop.h"
#include "runtime/exec/Worker.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace recast::exec {
namespace {

/// Strides of an operand's elements in a slot: its segments one after the other.
std::vector<int64_t> packedStrides(const Task &task, const SubBox &tile, size_t operand) {
  std::vector<int64_t> strides(task.dims.size());
  auto order = layout::strideOrder(operandDims(task, tile, operand));
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = stride;
    stride *= tile.extents[order[i]];
  }
  return strides;
}

/// Whether two orders put every element of a tile at the same place.
bool samePlaces(const SubBox &tile, const std::vector<int64_t> &a, const std::vector<int64_t> &b) {
  for (size_t d = 0; d < tile.extents.size(); ++d)
    if (tile.extents[d] > 1 && a[d] != b[d])
      return false;
  return true;
}

/// The element of the task that lies `at` elements into a tile packed with `strides`.
std::vector<int64_t> coordinates(const SubBox &tile, const std::vector<int64_t> &strides,
                                 int64_t at) {
  std::vector<int64_t> out;
  for (size_t d = 0; d < tile.extents.size(); ++d)
    out.push_back(tile.origin[d] + at / strides[d] % tile.extents[d]);
  return out;
}

/// How far an element lies from the first, by the strides that `stride` takes of the dims.
int64_t along(const Task &task, const std::vector<int64_t> &element, auto stride) {
  int64_t sum = 0;
  for (size_t d = 0; d < element.size(); ++d)
    sum += element[d] * stride(task.dims[d]);
  return sum;
}

} // namespace

size_t Worker::boxTileElements(const Task &task) const {
  unsigned widest = 1;
  for (size_t operand = 0; operand < operandCount(task); ++operand)
    if (operand >= task.inputs.size() || !task.inputs[operand].isScalar)
      widest = std::max(widest, operandWidth(job_.program, task, operand));
  for (const TaskCheck &check : task.checks)
    widest = std::max(widest, job_.slices.checks[check.slice]->scratchWidth());
  return job_.slotBytes / widest;
}

Status Worker::runBoxUnit(const Unit &unit) {
  const Task &task = job_.program.tasks[job_.schedule.order[unit.begin]];
  const SubBox box = unitsOf(job_.program, task).part(unit.first);
  const BoxGrid tiles(box, partExtents(job_.program, task, box.extents,
                                       static_cast<int64_t>(boxTileElements(task))));
  std::vector<bool> streams;
  for (size_t o = 0; o < task.outputs.size(); ++o)
    streams.push_back(streamsOutput(job_.program, task, o));
  for (int64_t t = 0; t < tiles.size(); ++t) {
    if (stopRequested() || job_.failed.load(std::memory_order_relaxed))
      return interrupted();
    const SubBox tile = tiles.part(t);
    spanCrcs_.assign(job_.schedule.maxInputs, {});
    for (size_t i = 0; i < task.inputs.size(); ++i)
      RECAST_TRY(readBox(task, tile, i));
    for (const TaskCheck &check : task.checks)
      RECAST_TRY(checkBox(task, tile, check));
    for (size_t o = 0; o < task.outputs.size(); ++o)
      RECAST_TRY(writeBox(task, tile, o, streams[o]));
  }
  return {};
}

Status Worker::readBox(const Task &task, const SubBox &tile, size_t input) {
  const TaskInput &in = task.inputs[input];
  if (in.isScalar)
    return {};
  std::byte *data = slot(input);
  if (in.isConstant()) {
    fillConstant(data, in, tile.count());
    return {};
  }
  const std::string &name = job_.program.names[task.name];
  const size_t width = byteWidth(in.dtype);
  const int64_t start = operandStart(task, tile, input);
  layout::Segments segments(operandDims(task, tile, input));
  const size_t size = static_cast<size_t>(segments.count()) * width;
  do {
    uint64_t offset = in.offset + static_cast<uint64_t>(start + segments.offset()) * width;
    if (Status status = read(in.file, offset, data, size); !status)
      return fail(std::move(status).error().tensor(name));
    noteRead(task, 0, input, offset, data, size);
    data += size;
  } while (segments.advance());
  return {};
}

/// Blocks of elements in the order of the first input; inputs with another one are gathered.
Status Worker::checkBox(const Task &task, const SubBox &tile, const TaskCheck &check) {
  const CheckSlice &slice = *job_.slices.checks[check.slice];
  const std::vector<int64_t> order = packedStrides(task, tile, check.inputs[0]);
  const int64_t all = tile.count();
  // Room for every input and for what the check computes, each of at most 16 bytes.
  const auto block = static_cast<int64_t>(job_.slotBytes / (16 * (check.inputs.size() + 1)));
  for (int64_t begin = 0; begin < all; begin += block) {
    const int64_t count = std::min(block, all - begin);
    std::byte *free = resultSlot();
    gathered_.clear();
    for (uint16_t input : check.inputs) {
      if (task.inputs[input].isScalar) {
        gathered_.push_back(task.inputs[input].bits());
        continue;
      }
      const size_t width = byteWidth(task.inputs[input].dtype);
      const std::vector<int64_t> strides = packedStrides(task, tile, input);
      if (task.inputs[input].isConstant() || samePlaces(tile, strides, order)) {
        gathered_.push_back(slot(input) + static_cast<size_t>(begin) * width);
        continue;
      }
      gathered_.push_back(free);
      for (int64_t i = 0; i < count; ++i, free += width) {
        size_t from = 0;
        for (size_t d = 0; d < order.size(); ++d)
          from += static_cast<size_t>((begin + i) / order[d] % tile.extents[d] * strides[d]);
        std::memcpy(free, slot(input) + from * width, width);
      }
    }
    int64_t at = slice.run(gathered_, free, count);
    job_.elementsChecked.fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
    if (at < 0)
      continue;
    const std::vector<int64_t> element = coordinates(tile, order, begin + at);
    auto difference = slice.describe(gathered_, at);
    auto place = [&](uint16_t input) {
      const uint16_t operand = check.inputs[input];
      int64_t offset =
          along(task, element, [&](const TaskDim &dim) { return dim.strides[operand]; });
      return placeOf(task.inputs[operand], offset);
    };
    return differs(task,
                   task.first +
                       along(task, element, [](const TaskDim &dim) { return dim.logicalStride; }),
                   difference.text, place(difference.inputA), place(difference.inputB));
  }
  return {};
}

Status Worker::writeBox(const Task &task, const SubBox &tile, size_t ordinal, bool streams) {
  const TaskOutput &output = task.outputs[ordinal];
  const OutputSlice &slice = *job_.slices.outputs[output.slice];
  const size_t operand = task.inputs.size() + ordinal;
  BoxAccess access{tile.extents, {}, packedStrides(task, tile, operand)};
  gathered_.clear();
  for (uint16_t input : output.inputs) {
    const bool isScalar = task.inputs[input].isScalar;
    gathered_.push_back(isScalar ? task.inputs[input].bits() : slot(input));
    access.inputs.push_back(isScalar ? std::vector<int64_t>(tile.extents.size(), 0)
                                     : packedStrides(task, tile, input));
  }
  bool turned = false;
  for (size_t i = 0; i < access.inputs.size(); ++i)
    turned |= !task.inputs[output.inputs[i]].isConstant() &&
              !samePlaces(tile, access.inputs[i], access.output);
  const std::byte *data = resultSlot();
  std::optional<OutputSlice::Lost> lost;
  if (turned)
    lost = slice.runBox(gathered_, access, resultSlot());
  else if (slice.isCopy())
    data = gathered_[0];
  else
    lost = slice.run(gathered_, resultSlot(), tile.count());
  if (lost) {
    const std::vector<int64_t> element = coordinates(tile, access.output, lost->at);
    const uint16_t input = output.inputs[0];
    return notFinite(
        task,
        task.first + along(task, element, [](const TaskDim &dim) { return dim.logicalStride; }),
        lost->value, placeOf(task.inputs[input], along(task, element, [&](const TaskDim &dim) {
                               return dim.strides[input];
                             })));
  }

  const int64_t start = operandStart(task, tile, operand);
  layout::Segments segments(operandDims(task, tile, operand));
  const size_t size = static_cast<size_t>(segments.count()) * slice.width();
  do {
    uint64_t offset =
        output.offset + static_cast<uint64_t>(start + segments.offset()) * slice.width();
    if (streams)
      noteWritten(ordinal, output.file, offset, data, size, {});
    noteDigest(output, offset, data, size);
    RECAST_TRY(write(output.file, offset, data, size));
    data += size;
  } while (segments.advance());
  if (!streams)
    unhashed_.push_back({output.file, static_cast<uint64_t>(tile.count()) * slice.width()});
  return {};
}

} // namespace recast::exec
