#include "compiler/Proofs/Images.h"

#include "runtime/base/Checked.h"
#include "runtime/format/PlanTargets.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

Status tiles(const format::TargetWriter &writer, size_t index, const plan::TargetEndpoint &target,
             const plan::Plan &plan) {
  const format::FileImage &image = writer.images()[index];
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const format::Literal &literal : writer.literals(index))
    ranges.emplace_back(literal.offset, literal.offset + literal.bytes.size());
  for (const format::TensorSlot &slot : image.tensors)
    ranges.emplace_back(slot.offset, slot.offset + slot.bytes);
  for (const format::VerbatimSlot &slot : image.verbatim)
    ranges.emplace_back(slot.offset,
                        slot.offset + plan.files[target.keptFiles[slot.file].file].size);
  std::sort(ranges.begin(), ranges.end());
  uint64_t position = 0;
  for (auto [begin, end] : ranges) {
    if (begin == end)
      continue;
    if (begin != position)
      return fail(Error(Code::Internal, begin > position
                                            ? "bytes of a target file have no origin"
                                            : "bytes of a target file have two origins")
                      .file(image.path)
                      .bytes(std::min(begin, position), std::max(begin, position)));
    position = end;
  }
  if (position == image.size)
    return {};
  return fail(Error(Code::Internal, "the end of a target file has no origin")
                  .file(image.path)
                  .bytes(position, image.size));
}

Status eachTensorOnce(const format::TargetImages &images) {
  std::vector<char> seen(images.tensors.size(), 0);
  for (const format::FileImage &image : images.writer->images())
    for (const format::TensorSlot &slot : image.tensors) {
      const format::TargetTensor &tensor = images.tensors[slot.tensor];
      auto bytes = static_cast<uint64_t>(unitCount(tensor.dtype, *elementCount(tensor.shape))) *
                   unitBytes(tensor.dtype);
      if (seen[slot.tensor]++ || slot.bytes != bytes)
        return fail(Error(Code::Internal, "a tensor has two places, or one of another size")
                        .tensor(tensor.name)
                        .file(image.path)
                        .bytes(slot.offset, slot.offset + slot.bytes));
    }
  for (size_t i = 0; i < seen.size(); ++i)
    if (!seen[i] && !images.tensors[i].isScalar)
      return fail(Error(Code::Internal,
                        fmt::format("{} has no place in the target", images.tensors[i].role))
                      .tensor(images.tensors[i].name));
  return {};
}

} // namespace

Result<ImageCounts> proveImages(const plan::Plan &plan) {
  ImageCounts counts;
  for (uint32_t t = 0; t < plan.targets.size(); ++t) {
    RECAST_ASSIGN(format::TargetImages images, format::makeImages(plan, t));
    RECAST_TRY(eachTensorOnce(images));
    for (size_t i = 0; i < images.writer->images().size(); ++i) {
      RECAST_TRY(tiles(*images.writer, i, plan.targets[t], plan));
      ++counts.files;
      counts.bytes += images.writer->images()[i].size;
    }
  }
  return counts;
}

} // namespace recast::compiler
