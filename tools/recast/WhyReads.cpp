#include "tools/recast/WhyReads.h"

#include "runtime/base/Text.h"
#include "runtime/exec/Box.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <tuple>

namespace recast::tools {
namespace {

uint64_t bytesOf(const exec::Program &program, const exec::Task &task, size_t operand) {
  return static_cast<uint64_t>(task.count) * exec::operandWidth(program, task, operand);
}

/// Index of the first record that ends behind `offset`.
size_t recordAt(const exec::Program &program, uint32_t file, uint64_t offset) {
  auto found = std::partition_point(
      program.records.begin(), program.records.end(), [&](const exec::RecordCheck &record) {
        return std::pair(record.file, record.offset + record.length) <= std::pair(file, offset);
      });
  return static_cast<size_t>(found - program.records.begin());
}

template <typename Visit>
void forEachRecord(const exec::Program &program, const exec::Task &task, size_t input,
                   Visit visit) {
  const uint32_t file = task.inputs[input].file;
  exec::forEachSegment(program, task, input, [&](uint64_t begin, uint64_t bytes) {
    for (size_t r = recordAt(program, file, begin); r < program.records.size(); ++r) {
      const exec::RecordCheck &record = program.records[r];
      if (record.file != file || record.offset >= begin + bytes)
        return;
      visit(r, std::min(begin + bytes, record.offset + record.length) -
                   std::max(begin, record.offset));
    }
  });
}

/// A range that a task of a family reads.
struct Touch {
  uint32_t file = 0;
  uint64_t begin = 0, end = 0;
  uint32_t family = 0, input = 0, name = 0;
};

std::vector<Touch> touchesOf(const capi::Instance &instance) {
  std::vector<Touch> touches;
  size_t begin = 0;
  for (uint32_t f = 0; f < instance.familyEnds.size(); ++f) {
    for (size_t t = begin; t < instance.familyEnds[f]; ++t) {
      const exec::Task &task = instance.program.tasks[t];
      for (uint32_t i = 0; i < task.inputs.size(); ++i)
        if (!task.inputs[i].isConstant())
          exec::forEachSegment(instance.program, task, i, [&](uint64_t offset, uint64_t bytes) {
            touches.push_back({task.inputs[i].file, offset, offset + bytes, f, i, task.name});
          });
    }
    begin = instance.familyEnds[f];
  }
  std::sort(touches.begin(), touches.end(), [](const Touch &a, const Touch &b) {
    return std::tie(a.file, a.begin, a.end) < std::tie(b.file, b.begin, b.end);
  });
  return touches;
}

std::string whyApart(const plan::Plan &plan, const exec::Program &program, const Touch &a,
                     const Touch &b) {
  const plan::Family &left = plan.families[a.family], &right = plan.families[b.family];
  if (left.shape != right.shape)
    return fmt::format("their shapes differ: ({}) and ({})", fmt::join(left.shape, ", "),
                       fmt::join(right.shape, ", "));
  const plan::Input &from = left.inputs[a.input], &other = right.inputs[b.input];
  if (from.dtype != other.dtype)
    return fmt::format("their dtypes differ: {} and {}", name(from.dtype), name(other.dtype));
  if (from.layout != other.layout)
    return fmt::format("their layouts differ: {} and {}", plan.layouts[from.layout].str(),
                       plan.layouts[other.layout].str());
  if (program.names[a.name] == program.names[b.name])
    return "the plan was made with --no-fuse, or reads them for two parts of one tensor";
  return "a family reads once what one tensor needs, and these are two";
}

/// Bytes that tasks of families read again. One sentence per pair of families and reason.
void addReadAgain(const plan::Plan &plan, const capi::Instance &instance, Why &why) {
  struct Again {
    Touch first, second;
    uint64_t bytes = 0, tensors = 0;
  };
  std::map<std::pair<uint32_t, uint32_t>, Again> pairs;
  const Touch *last = nullptr; // The one that reaches furthest.
  const std::vector<Touch> touches = touchesOf(instance);
  for (const Touch &touch : touches) {
    if (last && last->file == touch.file && touch.begin < last->end) {
      Again &again = pairs[std::minmax(last->family, touch.family)];
      if (again.bytes == 0)
        again = {*last, touch};
      again.bytes += std::min(last->end, touch.end) - touch.begin;
      ++again.tensors;
    }
    if (!last || last->file != touch.file || touch.end > last->end)
      last = &touch;
  }
  const exec::Program &program = instance.program;
  for (const auto &[families, again] : pairs)
    why.plan.push_back(
        {false, "one read",
         fmt::format("bytes of '{}' are read again for '{}'{}: {}", program.names[again.first.name],
                     program.names[again.second.name],
                     again.tensors > 1 ? " and others like them" : "",
                     whyApart(plan, program, again.first, again.second)),
         again.bytes});
}

/// Files that are copied byte for byte.
void addKept(const exec::Program &program, Why &why) {
  uint64_t shared = 0, copied = 0;
  for (const exec::Task &task : program.tasks) {
    std::vector<size_t> uses(task.inputs.size()); // But for kept files.
    for (const exec::TaskCheck &check : task.checks)
      for (uint16_t input : check.inputs)
        ++uses[input];
    for (const exec::TaskOutput &output : task.outputs)
      if (output.tensor != exec::TaskOutput::kNoTensor)
        for (uint16_t input : output.inputs)
          ++uses[input];
    for (const exec::TaskOutput &output : task.outputs) {
      if (output.tensor != exec::TaskOutput::kNoTensor)
        continue;
      uint64_t bytes = bytesOf(program, task, output.inputs.front());
      copied += bytes;
      shared += uses[output.inputs.front()]++ > 0 ? bytes : 0;
    }
  }
  if (copied > 0)
    why.plan.push_back({true, "kept files",
                        fmt::format("{} are copied byte for byte, {} of them from reads that "
                                    "something else needs too",
                                    bytesText(copied), bytesText(shared)),
                        shared});
}

/// Sums of records whose bytes several tasks read.
void addChecksumReads(const capi::Instance &instance, Why &why) {
  const exec::Program &program = instance.program;
  uint64_t again = 0;
  size_t first = instance.familyEnds.empty() ? 0 : instance.familyEnds.back();
  for (size_t t = first; t < program.tasks.size(); ++t)
    if (const exec::Task &task = program.tasks[t]; task.isIdle())
      forEachRecord(program, task, 0, [&](size_t record, uint64_t bytes) {
        if (program.records[record].apart)
          again += bytes;
      });
  if (again > 0)
    why.plan.push_back({false, "checksums in the same read",
                        "bytes that several tasks read are read once more for the checksum of "
                        "their file: pieces that overlap do not join",
                        again});
  if (uint64_t partial = instance.forecast.recordsPartial)
    why.plan.push_back({false, "checksums",
                        fmt::format("{} of the source cannot be verified: too little of what they "
                                    "cover is read",
                                    partial)});
}

} // namespace

Checksums::Checksums(const exec::Program &program)
    : program_(program), isVerified_(program.records.size()), patches_(program.targets.size()) {
  std::vector<uint64_t> bytes(program.records.size());
  for (const exec::Task &task : program.tasks)
    for (size_t i = 0; i < task.inputs.size(); ++i)
      if (!task.inputs[i].isConstant())
        forEachRecord(program, task, i,
                      [&](size_t record, uint64_t covered) { bytes[record] += covered; });
  // Where tasks do not overlap, the sum says whether they cover it.
  for (size_t r = 0; r < bytes.size(); ++r)
    isVerified_[r] = !program.records[r].apart && bytes[r] == program.records[r].length;
  for (size_t t = 0; t < program.targets.size(); ++t) {
    patches_[t] = program.targets[t].patches;
    std::sort(patches_[t].begin(), patches_[t].end(),
              [](const exec::CrcPatch &a, const exec::CrcPatch &b) { return a.begin < b.begin; });
  }
}

uint64_t Checksums::verifiedBytes(const exec::Task &task, size_t input) const {
  uint64_t sum = 0;
  if (!task.inputs[input].isConstant())
    forEachRecord(program_, task, input,
                  [&](size_t record, uint64_t bytes) { sum += isVerified_[record] ? bytes : 0; });
  return sum;
}

uint64_t Checksums::summedBytes(const exec::Task &task, size_t output) const {
  // A tensor lies under one checksum or under none.
  const exec::TaskOutput &to = task.outputs[output];
  const std::vector<exec::CrcPatch> &patches = patches_[to.file];
  auto behind =
      std::partition_point(patches.begin(), patches.end(),
                           [&](const exec::CrcPatch &patch) { return patch.begin <= to.offset; });
  bool isInside = behind != patches.begin() && to.offset < std::prev(behind)->end;
  return isInside ? bytesOf(program_, task, task.inputs.size() + output) : 0;
}

void addSharedReads(const plan::Plan &plan, const capi::Instance &instance, Why &why) {
  addKept(instance.program, why);
  addReadAgain(plan, instance, why);
  addChecksumReads(instance, why);
}

} // namespace recast::tools
