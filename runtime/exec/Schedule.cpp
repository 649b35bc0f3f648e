#include "runtime/exec/Schedule.h"

#include "runtime/base/Checked.h"
#include "runtime/exec/Box.h"
#include "runtime/exec/Bytes.h"
#include "runtime/exec/WriteCuts.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <numeric>
#include <tuple>

namespace recast::exec {
namespace {

/// By tensor: the rank of its name among all names.
std::vector<uint32_t> nameRanks(const Program &program) {
  std::vector<std::string> names;
  names.reserve(program.tensors.size());
  for (uint32_t t = 0; t < program.tensors.size(); ++t)
    names.push_back(program.label(t).name);
  std::vector<uint32_t> tensors(names.size()), ranks(names.size());
  std::iota(tensors.begin(), tensors.end(), 0u);
  std::sort(tensors.begin(), tensors.end(),
            [&](uint32_t a, uint32_t b) { return names[a] < names[b]; });
  for (size_t i = 1; i < tensors.size(); ++i)
    ranks[tensors[i]] = ranks[tensors[i - 1]] + (names[tensors[i]] != names[tensors[i - 1]]);
  return ranks;
}

/// By task, lower ones first: what counts before files and offsets.
std::vector<uint32_t> prioritiesOf(const Program &program, Order order) {
  std::vector<uint32_t> out(program.tasks.size(), Task::kNoDeadline);
  std::vector<uint32_t> ranks;
  if (order == Order::Names)
    ranks = nameRanks(program);
  for (size_t t = 0; order != Order::Files && t < out.size(); ++t) {
    const Task &task = program.tasks[t];
    if (order == Order::Deadlines)
      out[t] = task.priority;
    else
      for (const TaskOutput &output : task.outputs)
        if (output.tensor != TaskOutput::kNoTensor)
          out[t] = std::min(out[t], ranks[output.tensor]);
  }
  return out;
}

std::vector<uint32_t> orderTasks(const Program &program, const std::vector<uint32_t> &priorities) {
  std::vector<uint32_t> rank(program.sources.size()), files(program.sources.size());
  std::iota(files.begin(), files.end(), 0u);
  std::sort(files.begin(), files.end(), [&](uint32_t a, uint32_t b) {
    return std::tuple(program.sources[b].size, a) < std::tuple(program.sources[a].size, b);
  });
  for (uint32_t i = 0; i < files.size(); ++i)
    rank[files[i]] = i;

  // What reads nothing comes last.
  auto place = [&](const TaskInput &input) {
    return input.isConstant() ? UINT32_MAX : rank[input.file];
  };

  // Sorted without a look at the tasks: there may be millions, and none is near the other.
  struct Key {
    uint32_t priority = 0, place = 0;
    uint64_t offset = 0;
    uint32_t task = 0;
    auto operator<=>(const Key &) const = default;
  };
  std::vector<Key> keys;
  keys.reserve(program.tasks.size());
  for (uint32_t t = 0; t < program.tasks.size(); ++t)
    if (program.tasks[t].count > 0) {
      const TaskInput &input = program.tasks[t].inputs[0];
      keys.push_back({priorities[t], place(input), input.offset, t});
    }
  std::sort(keys.begin(), keys.end());
  std::vector<uint32_t> order;
  order.reserve(keys.size());
  for (const Key &key : keys)
    order.push_back(key.task);
  return order;
}

/// Output files of `task` that the task before it does not write to in the same place.
size_t newFiles(const Task &task, const Task *before) {
  size_t count = 0;
  for (size_t o = 0; o < task.outputs.size(); ++o)
    count +=
        !before || o >= before->outputs.size() || before->outputs[o].file != task.outputs[o].file;
  return count;
}

/// A unit for about every kUnitBytes of `task`, which is `order[place]`.
void cutLongTask(const Program &program, const Task &task, uint32_t place,
                 std::vector<Unit> &units) {
  const auto most = static_cast<int64_t>(kUnitBytes / byteWidth(task.inputs[0].dtype));
  for (int64_t first = 0, count = 0; first < task.count; first += count) {
    count = std::min(most, task.count - first);
    if (count < task.count - first)
      count = cutForWrites(program, task, first, count);
    units.push_back({place, place + 1, first, count});
  }
}

/// Cuts the ordered tasks into units: several small ones of one file, or a part of a large one.
std::vector<Unit> cutUnits(const Program &program, const std::vector<uint32_t> &order,
                           const std::vector<uint32_t> &priorities) {
  std::vector<Unit> units;
  uint64_t filled = kUnitBytes; // Of the open unit; full means there is none.
  size_t files = 0;             // That the open unit writes to.
  for (uint32_t i = 0; i < order.size(); ++i) {
    const Task &task = program.tasks[order[i]];
    const TaskInput &primary = task.inputs[0];
    uint64_t bytes = taskBytes(task, primary.dtype);
    if (!task.dims.empty()) {
      for (int64_t part = 0, parts = unitsOf(program, task).size(); part < parts; ++part)
        units.push_back({i, i + 1, part, 1});
      filled = kUnitBytes;
      continue;
    }
    if (bytes > kUnitBytes) {
      cutLongTask(program, task, i, units);
      filled = kUnitBytes;
      continue;
    }
    // A unit of small tasks holds no strided one, and none that may wait.
    const Task *before = i > 0 ? &program.tasks[order[i - 1]] : nullptr;
    bool joins = before && before->dims.empty() && before->inputs[0].file == primary.file &&
                 priorities[order[i - 1]] == priorities[order[i]];
    if (!joins || filled + bytes > kUnitBytes || files + newFiles(task, before) > kUnitFiles) {
      units.push_back({i, i, 0, -1});
      filled = 0;
      files = 0;
    }
    files += newFiles(task, units.back().begin == i ? nullptr : before);
    units.back().end = i + 1;
    filled += bytes;
  }
  return units;
}

/// What one task means for the slots and for the target files.
Status account(const Program &program, const Task &task, Schedule &schedule) {
  for (const TaskInput &input : task.inputs)
    if (!input.isConstant())
      schedule.bytesToRead += taskBytes(task, input.dtype);
  schedule.hasBoxes |= !task.dims.empty();
  for (size_t i = 0; i < task.inputs.size(); ++i)
    if (!task.inputs[i].isScalar)
      schedule.maxInputs = std::max(schedule.maxInputs, i + 1);
  for (const TaskOutput &output : task.outputs) {
    const recipe::Recipe &slice = program.slices[output.slice];
    schedule.needsResults |= !recipe::isCopy(slice) || !task.dims.empty();
    auto sum = checkedAdd(schedule.taskBytes[output.file], taskBytes(task, slice.outputType(0)));
    // Below the size of the file, or bytes are written twice.
    if (!sum || *sum > program.targets[output.file].size)
      return internal(fmt::format("tasks write more into '{}' than its size",
                                  program.targets[output.file].path));
    schedule.taskBytes[output.file] = *sum;
  }
  // A check may cast one side before it compares.
  schedule.needsResults |= !task.checks.empty();
  return {};
}

} // namespace

Result<Schedule> makeSchedule(const Program &program, Order order) {
  if (program.tasks.size() > std::numeric_limits<uint32_t>::max() / 2)
    return internal("more tasks than a program may have");
  Schedule out;
  out.taskBytes.resize(program.targets.size());
  std::vector<uint32_t> priorities = prioritiesOf(program, order);
  out.isUrgent =
      std::ranges::adjacent_find(priorities, std::ranges::not_equal_to()) != priorities.end();
  out.order = orderTasks(program, priorities);
  for (uint32_t task : out.order)
    RECAST_TRY(account(program, program.tasks[task], out));
  out.units = cutUnits(program, out.order, priorities);
  for (const Unit &unit : out.units)
    for (uint32_t i = unit.begin; i < unit.end; ++i) {
      // What a strided task leaves without a hash lies between extents, cut to the size of a unit.
      const Task &task = program.tasks[out.order[i]];
      out.maxExtents += task.outputs.size() * (task.dims.empty() ? 1 : 2);
    }
  for (uint32_t t = 0; t < program.targets.size(); ++t) {
    out.maxExtents += 2 + 2 * program.targets[t].patches.size();
    if (out.hasBoxes)
      out.maxExtents += program.targets[t].size / kUnitBytes;
    if (out.taskBytes[t] == 0)
      out.literalFiles.push_back(t);
  }
  return out;
}

uint64_t bytesRead(const Program &program, const Schedule &schedule, const Unit &unit) {
  uint64_t bytes = 0;
  for (uint32_t i = unit.begin; i < unit.end; ++i) {
    const Task &task = program.tasks[schedule.order[i]];
    int64_t elements = unit.count < 0 ? task.count : unit.count;
    if (!task.dims.empty())
      elements = unitsOf(program, task).part(unit.first).count();
    auto count = static_cast<uint64_t>(elements);
    for (const TaskInput &input : task.inputs)
      bytes += input.isConstant() ? 0 : count * byteWidth(input.dtype);
  }
  return bytes;
}

uint64_t Schedule::memory() const {
  return order.size() * sizeof(uint32_t) + units.size() * sizeof(Unit) +
         literalFiles.size() * sizeof(uint32_t) + taskBytes.size() * sizeof(uint64_t);
}

} // namespace recast::exec
