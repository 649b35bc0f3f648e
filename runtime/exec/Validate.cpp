#include "runtime/exec/Validate.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Utf8.h"
#include "runtime/exec/Box.h"
#include "runtime/io/Directory.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::exec {
namespace {

Status checkSlices(const Program &program) {
  for (const recipe::Recipe &slice : program.slices) {
    RECAST_TRY(recipe::verify(slice));
    if (slice.outputCount() + slice.checkCount() != 1)
      return internal(fmt::format("a slice has not one result: {}", slice.str()));
    for (const recipe::Node &node : slice.nodes)
      if (byteWidth(node.type) == 0)
        return internal(fmt::format("a slice works on packed elements: {}", slice.str()));
  }
  return {};
}

Status checkUse(const Program &program, const Task &task, uint32_t slice,
                const std::vector<uint16_t> &inputs, bool output) {
  if (slice >= program.slices.size())
    return internal("a task names no slice of the program");
  const recipe::Recipe &recipe = program.slices[slice];
  if (recipe.inputCount() != inputs.size() || recipe.outputCount() != (output ? 1u : 0u))
    return internal("a task and its slice disagree on inputs or outputs");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i] >= task.inputs.size() || task.inputs[inputs[i]].dtype != recipe.inputType(i) ||
        task.inputs[inputs[i]].isScalar != recipe.isScalarInput(i))
      return internal("a task and its slice disagree on an element type");
  return {};
}

/// The dims of a strided task: as many elements as it says, none at the place of another.
Status checkDims(const Task &task) {
  int64_t count = 1;
  for (const TaskDim &dim : task.dims)
    if (dim.extent < 1 || dim.strides.size() != operandCount(task) ||
        __builtin_mul_overflow(count, dim.extent, &count))
      return internal("a strided task has dims that do not fit it");
  if (count != task.count)
    return internal("a strided task has another number of elements than its dims");
  for (size_t operand = 0; operand < operandCount(task); ++operand) {
    if (isConstant(task, operand))
      continue;
    std::vector<layout::StridedDim> dims;
    for (const TaskDim &dim : task.dims)
      if (dim.extent > 1)
        dims.push_back({dim.extent, dim.strides[operand]});
    int64_t span = 1;
    auto order = layout::strideOrder(dims);
    for (size_t i = order.size(); i-- > 0;) {
      int64_t more;
      if (dims[order[i]].stride < span ||
          __builtin_mul_overflow(dims[order[i]].extent - 1, dims[order[i]].stride, &more) ||
          __builtin_add_overflow(span, more, &span))
        return internal("the strides of a task let elements meet");
    }
  }
  return {};
}

bool insideTensor(const Program &program, const Task &task, size_t o) {
  const TaskOutput &output = task.outputs[o];
  if (output.tensor >= program.tensors.size())
    return false;
  const TargetTensor &tensor = program.tensors[output.tensor];
  return output.file == tensor.file && output.offset >= tensor.offset &&
         rangeInside(output.offset - tensor.offset,
                     operandSpan(program, task, task.inputs.size() + o), tensor.bytes);
}

Status checkTask(const Program &program, const Task &task) {
  if (task.count < 0 || task.name >= program.names.size() || task.inputs.empty())
    return internal("a task has no elements, no name or no input");
  if (!task.dims.empty())
    RECAST_TRY(checkDims(task));
  auto inside = [&](size_t operand, uint64_t offset, DType dtype, uint64_t limit) {
    int64_t elements = task.dims.empty()
                           ? task.count
                           : layout::spanOfBox(operandDims(task, wholeBox(task), operand));
    auto bytes = checkedMul<uint64_t>(static_cast<uint64_t>(elements), byteWidth(dtype));
    return bytes && byteWidth(dtype) && rangeInside(offset, *bytes, limit);
  };
  for (size_t i = 0; i < task.inputs.size(); ++i)
    if (const TaskInput &input = task.inputs[i];
        input.isConstant() || input.isScalar
            ? !input.isConstant() || byteWidth(input.dtype) == 0 || byteWidth(input.dtype) > 8
            : input.file >= program.sources.size() ||
                  !inside(i, input.offset, input.dtype, program.sources[input.file].size))
      return internal("a task reads outside its source file");
  for (size_t o = 0; o < task.outputs.size(); ++o) {
    const TaskOutput &output = task.outputs[o];
    RECAST_TRY(checkUse(program, task, output.slice, output.inputs, true));
    if (output.file >= program.targets.size() ||
        !inside(task.inputs.size() + o, output.offset, program.slices[output.slice].outputType(0),
                program.targets[output.file].size))
      return internal("a task writes outside its target file");
    if (output.tensor != TaskOutput::kNoTensor && !insideTensor(program, task, o))
      return internal("a task writes outside its tensor");
  }
  for (const TaskCheck &check : task.checks)
    RECAST_TRY(checkUse(program, task, check.slice, check.inputs, false));
  return {};
}

Status checkRecords(const Program &program) {
  uint32_t file = 0;
  uint64_t end = 0;
  for (const RecordCheck &record : program.records) {
    if (record.file != file)
      end = 0;
    if (record.file >= program.sources.size() || record.file < file || record.offset < end ||
        !rangeInside(record.offset, record.length, program.sources[record.file].size))
      return internal("source records overlap, are not sorted or leave their file");
    file = record.file;
    end = record.offset + record.length;
  }
  return {};
}

Status checkName(const std::string &path) {
  RECAST_TRY(io::checkRelativePath(path));
  if (path.starts_with(".recast"))
    return fail(Error(Code::BadInput, "names that begin with '.recast' are taken").file(path));
  if (!isUtf8(path)) // The manifest is JSON, which has no way to say such a name.
    return fail(Error(Code::BadInput, "an output name is not UTF-8").file(path));
  return {};
}

std::string topOf(const std::string &path) { return path.substr(0, path.find('/')); }

/// Everything of a root lies under one of its renames, and no name is given twice.
Status checkRoot(const Program &program, uint32_t index) {
  const TargetRoot &root = program.roots[index];
  std::set<std::string> tops, names;
  auto topLevel = [&](const std::string &name) -> Status {
    RECAST_TRY(checkName(name));
    if (name.find('/') != name.npos || !tops.insert(name).second)
      return internal(fmt::format("'{}' is not one top-level name", name));
    return {};
  };
  for (const auto &[name, content] : root.pointers)
    RECAST_TRY(topLevel(name));
  std::set<std::string> pointers = std::exchange(tops, {});
  for (const std::string &name : root.renames) {
    RECAST_TRY(topLevel(name));
    if (pointers.count(name))
      return internal(fmt::format("'{}' is renamed and a pointer", name));
  }
  std::string manifest = root.manifestDir.empty() ? "" : root.manifestDir + "/.recast/";
  auto below = [&](const std::string &path) -> Status {
    RECAST_TRY(checkName(path));
    if (!manifest.empty() && (path + "/").starts_with(manifest))
      return fail(Error(Code::BadInput, "the place of the manifest is taken").file(path));
    if (!tops.count(topOf(path)))
      return internal(fmt::format("'{}' is outside of what becomes visible", path));
    if (!names.insert(path).second)
      return internal(fmt::format("'{}' is written twice", path));
    return {};
  };
  for (const TargetFile &file : program.targets)
    if (file.root == index)
      RECAST_TRY(below(file.path));
  for (const auto &[name, existing] : root.links) {
    if (!names.count(existing))
      return internal(fmt::format("'{}' links to what is not written", name));
    RECAST_TRY(below(name));
  }
  if (!root.manifestDir.empty()) {
    RECAST_TRY(io::checkRelativePath(root.manifestDir));
    if (!tops.count(topOf(root.manifestDir)) || names.count(root.manifestDir))
      return internal("the manifest would lie outside of what becomes visible");
  }
  return {};
}

Status checkTarget(const Program &program, const TargetFile &target) {
  if (target.root >= program.roots.size())
    return internal("a target file has no root");
  if (target.size > static_cast<uint64_t>(INT64_MAX))
    return fail(Error(Code::BadInput, "a target file would be too large").file(target.path));
  if (program.roots[target.root].inMemory && target.size > 0 && !target.memory)
    return internal(fmt::format("there is no memory for '{}'", target.path));
  for (const CrcPatch &patch : target.patches)
    if (patch.begin > patch.end || patch.end > target.size ||
        !rangeInside(patch.offset, 4, target.size))
      return internal(fmt::format("a checksum of '{}' lies outside the file", target.path));
  return {};
}

} // namespace

Status validate(const Program &program) {
  RECAST_TRY(checkSlices(program));
  for (const Task &task : program.tasks)
    RECAST_TRY(checkTask(program, task));
  RECAST_TRY(checkRecords(program));
  for (const TargetFile &target : program.targets)
    RECAST_TRY(checkTarget(program, target));
  for (const TargetTensor &tensor : program.tensors)
    if (tensor.file >= program.targets.size() || !program.label ||
        !rangeInside(tensor.offset, tensor.bytes, program.targets[tensor.file].size))
      return internal("a tensor lies outside its target file");
  for (uint32_t r = 0; r < program.roots.size(); ++r) {
    if (program.roots[r].inMemory != program.inMemory())
      return internal("some targets are in memory and some are not");
    if (!program.inMemory())
      RECAST_TRY(checkRoot(program, r));
  }
  return {};
}

} // namespace recast::exec
