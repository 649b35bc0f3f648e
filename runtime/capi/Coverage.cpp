// Which source bytes the tasks touch: needed, or only checked.
#include "runtime/capi/Coverage.h"
#include "runtime/exec/Box.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace recast::capi::detail {
namespace {

/// Reading at most this many extra bytes lets a record's checksum be verified; a record of which
/// less is used (one buffer out of a shared storage) is not read whole for it.
uint64_t tolerableGap(uint64_t recordLength) {
  return std::max<uint64_t>(uint64_t{64} << 10, recordLength / 16);
}

struct Touch {
  uint32_t file = 0;
  uint64_t begin = 0, end = 0;
  bool operator<(const Touch &o) const {
    return std::tie(file, begin, end) < std::tie(o.file, o.begin, o.end);
  }
};

std::vector<Touch> allTouches(const exec::Program &program) {
  std::vector<Touch> touches;
  for (const exec::Task &task : program.tasks)
    for (size_t i = 0; i < task.inputs.size(); ++i)
      if (!task.inputs[i].isConstant())
        exec::forEachSegment(program, task, i, [&](uint64_t offset, uint64_t bytes) {
          touches.push_back({task.inputs[i].file, offset, offset + bytes});
        });
  std::sort(touches.begin(), touches.end());
  return touches;
}

/// Inputs that only checks use: their bytes count as "for checks".
uint64_t checkOnlyBytes(const exec::Task &task) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < task.inputs.size(); ++i) {
    auto uses = [&](const auto &user) {
      return std::find(user.inputs.begin(), user.inputs.end(), i) != user.inputs.end();
    };
    if (!task.inputs[i].isConstant() &&
        std::none_of(task.outputs.begin(), task.outputs.end(), uses))
      bytes += static_cast<uint64_t>(task.count) * byteWidth(task.inputs[i].dtype);
  }
  return bytes;
}

/// Bytes of a source that are read for a checksum only.
void addIdleTask(exec::Program &program, std::string_view what, uint32_t file, uint64_t begin,
                 uint64_t end) {
  exec::Task task;
  task.count = static_cast<int64_t>(end - begin);
  task.name = static_cast<uint32_t>(program.names.size());
  task.inputs.push_back({file, begin, DType::U8});
  program.names.push_back(fmt::format("({} in {})", what, program.sources[file].path));
  program.tasks.push_back(std::move(task));
}

/// Lets the checksum of every record be verified of which the tasks read nearly all. Bytes that
/// nobody reads get tasks of their own; where tasks read the same bytes, the record is read once
/// more for its checksum. Both lists are sorted by (file, offset): one sweep.
void completeChecksums(exec::Program &program, const std::vector<Touch> &touches,
                       Forecast &forecast) {
  size_t first = 0;
  for (exec::RecordCheck &record : program.records) {
    uint64_t begin = record.offset, end = record.offset + record.length;
    while (first < touches.size() &&
           (touches[first].file < record.file ||
            (touches[first].file == record.file && touches[first].end <= begin)))
      ++first;
    std::vector<std::pair<uint64_t, uint64_t>> gaps;
    uint64_t position = begin, missing = 0;
    uint64_t seen = 0; // A task may begin before the record: that alone reads nothing twice.
    for (size_t i = first;
         i < touches.size() && touches[i].file == record.file && touches[i].begin < end; ++i) {
      if (touches[i].begin > position)
        gaps.emplace_back(position, touches[i].begin);
      record.apart |= touches[i].begin < seen;
      seen = std::max(seen, touches[i].end);
      position = std::max(position, touches[i].end);
    }
    if (position == begin)
      continue; // Nothing of it is read.
    if (position < end)
      gaps.emplace_back(position, end);
    for (auto [gapBegin, gapEnd] : gaps)
      missing += gapEnd - gapBegin;
    if (missing > tolerableGap(record.length)) {
      ++forecast.recordsPartial;
      record.apart = true; // It cannot become whole, so nobody needs to remember its parts.
      continue;
    }
    ++forecast.recordsWhole;
    if (record.apart) {
      addIdleTask(program, "checksum of shared bytes", record.file, begin, end);
      continue;
    }
    for (auto [gapBegin, gapEnd] : gaps)
      addIdleTask(program, "padding", record.file, gapBegin, gapEnd);
  }
}

} // namespace

Result<Forecast> completeRecords(exec::Program &program) {
  Forecast forecast;
  completeChecksums(program, allTouches(program), forecast);
  for (const exec::Task &task : program.tasks) {
    uint64_t forChecks = checkOnlyBytes(task);
    for (const exec::TaskInput &input : task.inputs)
      forecast.readBytes +=
          input.isConstant() ? 0 : static_cast<uint64_t>(task.count) * byteWidth(input.dtype);
    forecast.checkBytes += forChecks;
    if (!task.checks.empty())
      forecast.checkedElements += static_cast<uint64_t>(task.count);
  }
  forecast.loadBytes = forecast.readBytes - forecast.checkBytes;
  for (const exec::TargetFile &file : program.targets)
    forecast.writtenBytes += file.size;
  forecast.targetFiles = program.targets.size();
  return forecast;
}

} // namespace recast::capi::detail
