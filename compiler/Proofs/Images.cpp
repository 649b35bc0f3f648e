#include "compiler/Proofs/Images.h"

#include "runtime/base/Checked.h"
#include "runtime/format/PlanTargets.h"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>

namespace recast::compiler {
namespace {

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>; ///< Half-open.

/// What a file takes from tensors and from files that are kept.
Ranges slotsOf(const format::FileImage &image, const plan::TargetEndpoint &target,
               const plan::Plan &plan) {
  Ranges ranges;
  for (const format::TensorSlot &slot : image.tensors)
    ranges.emplace_back(slot.offset, slot.offset + slot.bytes);
  for (const format::VerbatimSlot &slot : image.verbatim)
    ranges.emplace_back(slot.offset,
                        slot.offset + plan.files[target.keptFiles[slot.file].file].size);
  return ranges;
}

Status tiles(const format::FileImage &image, Ranges ranges, const format::Literals &literals) {
  for (const format::Literal &literal : *literals)
    ranges.emplace_back(literal.offset, literal.offset + literal.bytes.size());
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

/// The files of one target. What is proved of one holds for all that share its literals and have
/// the same slots and size.
class Files {
public:
  Files(const plan::TargetEndpoint &target, const plan::Plan &plan)
      : target_(target), plan_(plan) {}

  Status prove(const format::FileImage &image, format::Literals literals) {
    Ranges slots = slotsOf(image, target_, plan_);
    auto proved = proved_.find(literals.get());
    if (proved != proved_.end() && proved->second.slots == slots &&
        proved->second.size == image.size)
      return {};
    RECAST_TRY(tiles(image, slots, literals));
    const auto *key = literals.get();
    proved_[key] = {std::move(literals), std::move(slots), image.size};
    return {};
  }

private:
  struct Proved {
    format::Literals literals; ///< Held, so that its address stays its own.
    Ranges slots;
    uint64_t size = 0;
  };
  const plan::TargetEndpoint &target_;
  const plan::Plan &plan_;
  std::unordered_map<const std::vector<format::Literal> *, Proved> proved_;
};

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
    Files files(plan.targets[t], plan);
    for (size_t i = 0; i < images.writer->images().size(); ++i) {
      RECAST_TRY(files.prove(images.writer->images()[i], images.writer->literals(i)));
      ++counts.files;
      counts.bytes += images.writer->images()[i].size;
    }
  }
  return counts;
}

} // namespace recast::compiler
