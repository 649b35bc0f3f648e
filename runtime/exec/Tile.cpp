#include "runtime/exec/Tile.h"

#include "runtime/exec/WriteCuts.h"

#include <algorithm>

namespace recast::exec {

int64_t Tile::add(uint32_t index, int64_t first, int64_t count) {
  const Task &task = program_.tasks[index];
  // Results go through one slot, output after output, so only the widest counts.
  size_t widest = 0;
  for (const TaskOutput &output : task.outputs)
    if (!slices_.outputs[output.slice]->isCopy())
      widest = std::max<size_t>(widest, slices_.outputs[output.slice]->width());
  for (const TaskCheck &check : task.checks)
    widest = std::max<size_t>(widest, slices_.checks[check.slice]->scratchWidth());

  size_t room = widest ? slotBytes_ / widest : SIZE_MAX, roomWhenEmpty = room;
  for (size_t i = 0; i < task.inputs.size(); ++i) {
    if (task.inputs[i].isScalar)
      continue;
    size_t width = byteWidth(task.inputs[i].dtype);
    room = std::min(room, (slotBytes_ - fill_[i]) / width);
    roomWhenEmpty = std::min(roomWhenEmpty, slotBytes_ / width);
  }
  auto wanted = static_cast<size_t>(count);
  if (room < wanted && wanted <= roomWhenEmpty)
    return 0;
  size_t taken = std::min(room, wanted);
  if (taken == 0)
    return 0;
  if (taken < wanted)
    taken = static_cast<size_t>(cutForWrites(program_, task, first, static_cast<int64_t>(taken)));
  spans_.push_back({index, first, static_cast<int64_t>(taken)});
  for (size_t i = 0; i < maxInputs_; ++i) {
    places_.push_back(fill_[i]);
    if (i < task.inputs.size() && !task.inputs[i].isScalar)
      fill_[i] += taken * byteWidth(task.inputs[i].dtype);
  }
  return static_cast<int64_t>(taken);
}

void Tile::clear() {
  spans_.clear();
  places_.clear();
  std::fill(fill_.begin(), fill_.end(), 0);
}

} // namespace recast::exec
