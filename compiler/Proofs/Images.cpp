#include "compiler/Proofs/Images.h"

#include "runtime/base/Checked.h"
#include "runtime/format/PlanTargets.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>; ///< Half-open.

/// What a file consists of, wherever it comes from.
Ranges rangesOf(const format::FileTemplate &form, const plan::TargetEndpoint &target,
                const plan::Plan &plan) {
  Ranges ranges;
  for (const format::TensorSlot &slot : form.tensors)
    ranges.emplace_back(slot.offset, slot.offset + slot.bytes);
  for (const format::VerbatimSlot &slot : form.verbatim)
    ranges.emplace_back(slot.offset,
                        slot.offset + plan.files[target.keptFiles[slot.file].file].size);
  for (const format::Literal &literal : form.literals)
    ranges.emplace_back(literal.offset, literal.offset + literal.bytes.size());
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

/// `path`: of a file of this size that consists of them.
Status tiles(const Ranges &ranges, uint64_t size, const std::string &path) {
  uint64_t position = 0;
  for (auto [begin, end] : ranges) {
    if (begin == end)
      continue;
    if (begin != position)
      return fail(Error(Code::Internal, begin > position
                                            ? "bytes of a target file have no origin"
                                            : "bytes of a target file have two origins")
                      .file(path)
                      .bytes(std::min(begin, position), std::max(begin, position)));
    position = end;
  }
  if (position == size)
    return {};
  return fail(Error(Code::Internal, "the end of a target file has no origin")
                  .file(path)
                  .bytes(position, size));
}

/// What is proved of one file holds for all of its template.
Status filesAreTiled(const format::TargetWriter &writer, const plan::TargetEndpoint &target,
                     const plan::Plan &plan) {
  std::vector<bool> proved(writer.templates().size());
  for (const format::FileImage &image : writer.images()) {
    if (proved[image.form])
      continue;
    const format::FileTemplate &form = writer.templateOf(image);
    RECAST_TRY(tiles(rangesOf(form, target, plan), form.size, image.path()));
    proved[image.form] = true;
  }
  return {};
}

Status eachTensorOnce(const format::TargetWriter &writer) {
  const format::TargetTensors &tensors = writer.tensors();
  std::vector<char> seen(tensors.size(), 0);
  for (const format::FileImage &image : writer.images())
    for (const format::TensorSlot &slot : writer.templateOf(image).tensors) {
      const uint32_t index = image.firstTensor + slot.tensor;
      const format::TargetTensor tensor = tensors[index];
      auto bytes = static_cast<uint64_t>(unitCount(tensor.dtype, *elementCount(tensor.shape))) *
                   unitBytes(tensor.dtype);
      if (seen[index]++ || slot.bytes != bytes)
        return fail(Error(Code::Internal, "a tensor has two places, or one of another size")
                        .tensor(tensor.name)
                        .file(image.path())
                        .bytes(slot.offset, slot.offset + slot.bytes));
    }
  for (size_t i = 0; i < seen.size(); ++i)
    if (!seen[i] && !tensors.row(i).isScalar)
      return fail(
          Error(Code::Internal, fmt::format("{} has no place in the target", tensors[i].role))
              .tensor(tensors[i].name));
  return {};
}

} // namespace

Result<ImageCounts> proveImages(const plan::Plan &plan) {
  ImageCounts counts;
  for (uint32_t t = 0; t < plan.targets.size(); ++t) {
    RECAST_ASSIGN(format::TargetImages images, format::makeImages(plan, t));
    const format::TargetWriter &writer = *images.writer;
    RECAST_TRY(eachTensorOnce(writer));
    RECAST_TRY(filesAreTiled(writer, plan.targets[t], plan));
    counts.files += writer.images().size();
    for (const format::FileImage &image : writer.images())
      counts.bytes += writer.templateOf(image).size;
  }
  return counts;
}

} // namespace recast::compiler
