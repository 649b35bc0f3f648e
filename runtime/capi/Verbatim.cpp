// Files kept byte for byte. Their bytes may already be read by tasks (weights that a check compares
// with their masters), so copies join those tasks and only the gaps get tasks of their own.
#include "runtime/capi/Verbatim.h"

#include "runtime/exec/Box.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

namespace recast::capi::detail {
namespace {

/// One segment of an input of one task, by position in its file.
struct Touch {
  uint64_t begin = 0, end = 0;
  uint32_t task = 0;
  uint16_t input = 0;
};

class Copier {
public:
  Copier(exec::Program &program, std::span<const VerbatimUse> uses) : program_(program) {
    for (const VerbatimUse &use : uses)
      touches_[use.source];
    for (uint32_t t = 0; t < program.tasks.size(); ++t)
      addTouches(t);
  }

  void copyFile(const VerbatimUse &use) {
    uint64_t size = program_.sources[use.source].size;
    uint64_t position = 0;
    // By value: gaps add tasks, and with them touches.
    const std::vector<Touch> touches = touchesOf(use.source);
    const std::set<uint32_t> overlapping = overlappingTasks(touches);
    for (const Touch &touch : touches) {
      if (overlapping.contains(touch.task))
        continue; // What it reads is copied with other tasks and gaps: each byte once.
      copyGap(use, position, touch.begin);
      position = touch.end;
      exec::Task &task = program_.tasks[touch.task];
      const exec::TaskInput &input = task.inputs[touch.input];
      if (touch.begin != input.offset)
        continue; // A further segment of a strided task.
      exec::TaskOutput output;
      output.slice = copySlice(input.dtype);
      output.file = use.target;
      output.offset = use.offset + touch.begin;
      output.inputs = {touch.input};
      task.outputs.push_back(std::move(output));
      for (exec::TaskDim &dim : task.dims)
        dim.strides.push_back(dim.strides[touch.input]);
    }
    copyGap(use, position, size);
  }

private:
  /// Of a task in files that are copied.
  void addTouches(uint32_t t) {
    const exec::Task &task = program_.tasks[t];
    for (size_t i = 0; i < task.inputs.size(); ++i) {
      const exec::TaskInput &input = task.inputs[i];
      auto copied = touches_.find(input.file);
      if (copied != touches_.end() && !input.isConstant())
        exec::forEachSegment(program_, task, i, [&](uint64_t offset, uint64_t bytes) {
          copied->second.push_back({offset, offset + bytes, t, static_cast<uint16_t>(i)});
        });
    }
  }

  const std::vector<Touch> &touchesOf(uint32_t source) {
    std::vector<Touch> &list = touches_[source];
    std::sort(list.begin(), list.end(),
              [](const Touch &a, const Touch &b) { return a.begin < b.begin; });
    return list;
  }

  /// Tasks without which no two touches overlap.
  static std::set<uint32_t> overlappingTasks(const std::vector<Touch> &touches) {
    std::set<uint32_t> out;
    uint64_t end = 0;
    for (const Touch &touch : touches) {
      if (touch.begin < end)
        out.insert(touch.task);
      end = std::max(end, touch.end);
    }
    return out;
  }

  uint32_t copySlice(DType dtype) {
    auto [entry, isNew] = copySlices_.try_emplace(dtype, 0);
    if (isNew) {
      recipe::Recipe copy = recipe::copyRecipe(dtype);
      auto found = std::find(program_.slices.begin(), program_.slices.end(), copy);
      entry->second = static_cast<uint32_t>(found - program_.slices.begin());
      if (found == program_.slices.end())
        program_.slices.push_back(std::move(copy));
    }
    return entry->second;
  }

  void copyGap(const VerbatimUse &use, uint64_t begin, uint64_t end) {
    if (begin >= end)
      return;
    exec::Task task;
    task.count = static_cast<int64_t>(end - begin);
    task.name = nameOf(use.source);
    task.inputs.push_back({use.source, begin, DType::U8});
    task.outputs.push_back({copySlice(DType::U8), use.target, use.offset + begin, {0}});
    // A second copy of the same file joins this task instead of reading again.
    touches_[use.source].push_back({begin, end, static_cast<uint32_t>(program_.tasks.size()), 0});
    program_.tasks.push_back(std::move(task));
  }

  uint32_t nameOf(uint32_t source) {
    auto [entry, isNew] = names_.try_emplace(source, 0);
    if (isNew) {
      entry->second = static_cast<uint32_t>(program_.names.size());
      program_.names.push_back(fmt::format("(copy of {})", program_.sources[source].path));
    }
    return entry->second;
  }

  exec::Program &program_;
  std::map<uint32_t, std::vector<Touch>> touches_; ///< By source that is copied.
  std::map<DType, uint32_t> copySlices_;
  std::map<uint32_t, uint32_t> names_;
};

} // namespace

Status addVerbatim(exec::Program &program, std::span<const VerbatimUse> uses) {
  if (uses.empty())
    return {};
  Copier copier(program, uses);
  for (const VerbatimUse &use : uses)
    copier.copyFile(use);
  return {};
}

} // namespace recast::capi::detail
