// Which source bytes the tasks touch: each once, needed or only checked.
#include "runtime/capi/Instantiate.h"
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
  uint32_t task = 0;
  bool operator<(const Touch &o) const {
    return std::tie(file, begin, end) < std::tie(o.file, o.begin, o.end);
  }
};

std::vector<Touch> allTouches(const exec::Program &program) {
  std::vector<Touch> touches;
  for (uint32_t t = 0; t < program.tasks.size(); ++t) {
    const exec::Task &task = program.tasks[t];
    for (size_t i = 0; i < task.inputs.size(); ++i)
      if (!task.inputs[i].isConstant())
        exec::forEachSegment(program, task, i, [&](uint64_t offset, uint64_t bytes) {
          touches.push_back({task.inputs[i].file, offset, offset + bytes, t});
        });
  }
  std::sort(touches.begin(), touches.end());
  return touches;
}

Status refuseOverlap(const exec::Program &program, const std::vector<Touch> &touches) {
  for (size_t i = 1; i < touches.size(); ++i) {
    const Touch &a = touches[i - 1], &b = touches[i];
    if (a.file != b.file || a.end <= b.begin)
      continue;
    Error error(Code::BadInput, fmt::format("'{}' and '{}' share bytes of one file",
                                            program.names[program.tasks[a.task].name],
                                            program.names[program.tasks[b.task].name]));
    return fail(std::move(error)
                    .file(program.sources[b.file].path)
                    .bytes(b.begin, std::min(a.end, b.end))
                    .hint("Drop one of the two; overlapping views are not converted."));
  }
  return {};
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

void addGapTask(exec::Program &program, uint32_t file, uint64_t begin, uint64_t end) {
  exec::Task task;
  task.count = static_cast<int64_t>(end - begin);
  task.name = static_cast<uint32_t>(program.names.size());
  task.inputs.push_back({file, begin, DType::U8});
  program.names.push_back(fmt::format("(padding in {})", program.sources[file].path));
  program.tasks.push_back(std::move(task));
}

/// Both lists are sorted by (file, offset): one sweep.
void closeGaps(exec::Program &program, const std::vector<Touch> &touches, Forecast &forecast) {
  size_t first = 0;
  for (const exec::RecordCheck &record : program.records) {
    uint64_t begin = record.offset, end = record.offset + record.length;
    while (first < touches.size() &&
           (touches[first].file < record.file ||
            (touches[first].file == record.file && touches[first].end <= begin)))
      ++first;
    std::vector<std::pair<uint64_t, uint64_t>> gaps;
    uint64_t position = begin, missing = 0;
    for (size_t i = first;
         i < touches.size() && touches[i].file == record.file && touches[i].begin < end; ++i) {
      if (touches[i].begin > position)
        gaps.emplace_back(position, touches[i].begin);
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
      continue;
    }
    ++forecast.recordsWhole;
    for (auto [gapBegin, gapEnd] : gaps)
      addGapTask(program, record.file, gapBegin, gapEnd);
  }
}

} // namespace

Result<Forecast> completeRecords(exec::Program &program) {
  Forecast forecast;
  std::vector<Touch> touches = allTouches(program);
  RECAST_TRY(refuseOverlap(program, touches));
  closeGaps(program, touches, forecast);
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
