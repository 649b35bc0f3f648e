#include "compiler/Proofs/Prove.h"

#include "compiler/Proofs/Images.h"
#include "runtime/base/Checked.h"
#include "runtime/plan/Expand.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>

namespace recast::compiler {
namespace {

/// Half-open ranges that must tile [0, size): in order without work, else sorted at the end.
class Tiling {
public:
  void add(uint64_t begin, uint64_t end) {
    if (sorted_ && begin == next_) {
      next_ = end;
      return;
    }
    if (sorted_)
      ranges_.emplace_back(0, next_);
    sorted_ = false;
    ranges_.emplace_back(begin, end);
  }

  /// The first range that is missing or doubled; empty if the ranges tile [0, size).
  std::optional<std::pair<ByteRange, bool>> flaw(uint64_t size) {
    if (sorted_)
      return next_ == size ? std::nullopt : std::optional(std::pair(ByteRange{next_, size}, false));
    std::sort(ranges_.begin(), ranges_.end());
    uint64_t position = 0;
    for (auto [begin, end] : ranges_) {
      if (begin > position)
        return std::pair(ByteRange{position, begin}, false);
      if (begin < position)
        return std::pair(ByteRange{begin, position}, true);
      position = end;
    }
    return position == size ? std::nullopt
                            : std::optional(std::pair(ByteRange{position, size}, false));
  }

private:
  bool sorted_ = true;
  uint64_t next_ = 0;
  std::vector<std::pair<uint64_t, uint64_t>> ranges_;
};

struct Counts {
  uint64_t tensors = 0, elements = 0, runs = 0, reads = 0;
};

Error witness(const plan::Plan &plan, const plan::Family &family, uint32_t member,
              std::string message) {
  return Error(Code::Internal, std::move(message)).tensor(plan.strings[family.memberNames[member]]);
}

Status proveReads(const plan::Plan &plan, const plan::Family &family, const plan::Run &run,
                  Counts &counts) {
  for (size_t i = 0; i < run.inputs.size(); ++i) {
    const plan::RunInput &input = run.inputs[i];
    if (input.file == plan::kNone)
      continue; // A value known now.
    ++counts.reads;
    int64_t span = run.dims.empty() ? run.count : layout::spanOfBox(plan::operandDims(run, i));
    uint64_t bytes = static_cast<uint64_t>(span) * unitBytes(family.inputs[i].dtype);
    const plan::SourceFile &file = plan.files[input.file];
    if (rangeInside(input.offset, bytes, file.size))
      continue;
    return fail(witness(plan, family, run.member, "a read reaches beyond its file")
                    .file(file.path)
                    .bytes(input.offset, input.offset + bytes));
  }
  return {};
}

/// A tensor of a target, its ranges collected from all members that are parts of it.
struct Packed {
  Tiling tiling;
  int64_t elements = 0; ///< Of the whole tensor.
  DType dtype = DType::U8;
  uint32_t target = 0;
};
using PackedTensors = std::map<std::array<uint32_t, 3>, Packed>; ///< (target, name, role)

Status proveTiled(const plan::Plan &plan, Tiling &tiling, int64_t elements, DType dtype,
                  uint32_t target, const std::string &name) {
  auto flaw = tiling.flaw(static_cast<uint64_t>(unitCount(dtype, elements)) * unitBytes(dtype));
  if (!flaw)
    return {};
  auto [range, doubled] = *flaw;
  return fail(
      Error(Code::Internal,
            fmt::format("elements [{}, {}) for target '{}' are {}",
                        range.begin * 8 / bitWidth(dtype), range.end * 8 / bitWidth(dtype),
                        plan.targets[target].name, doubled ? "written twice" : "never written"))
          .tensor(name));
}

/// The members of one family, one after the other.
class FamilyProof {
public:
  FamilyProof(const plan::Plan &plan, uint32_t index, plan::FamilyExpander expander, Counts &counts,
              PackedTensors &packed)
      : plan_(plan), family_(plan.families[index]), expander_(std::move(expander)), counts_(counts),
        packed_(packed), visit_([this](const plan::Run &run) { return prove(run); }) {}

  Status prove(uint32_t member) {
    if (outputs_.empty())
      RECAST_TRY(measure());
    for (size_t o = 0; o < outputs_.size(); ++o) {
      Place &output = outputs_[o];
      if (output.isPacked) {
        const plan::MemberOutput &row = family_.memberOutputs[member * outputs_.size() + o];
        Packed &tensor = packed_[{family_.outputs[o].target, row.name, row.role}];
        tensor.elements = output.elements;
        tensor.dtype = family_.outputs[o].dtype;
        tensor.target = family_.outputs[o].target;
        output.tiling = &tensor.tiling;
      } else {
        output.whole = {};
        output.tiling = &output.whole;
      }
    }
    RECAST_TRY(expander_.expandBoxes(member, visit_));
    for (size_t o = 0; o < outputs_.size(); ++o) {
      Place &output = outputs_[o];
      if (output.isPacked)
        continue;
      ++counts_.tensors;
      counts_.elements += static_cast<uint64_t>(output.elements);
      RECAST_TRY(proveTiled(plan_, output.whole, output.elements, family_.outputs[o].dtype,
                            family_.outputs[o].target, plan_.strings[family_.memberNames[member]]));
    }
    return {};
  }

private:
  /// Where an output of the current member goes.
  struct Place {
    int64_t elements = 0;  ///< Of the whole tensor.
    bool isPacked = false; ///< Other members are parts of the same tensor.
    Tiling whole;          ///< Where no others are.
    Tiling *tiling = nullptr;
  };

  Status measure() {
    for (const plan::Output &output : family_.outputs) {
      const layout::Layout &layout = plan_.layouts[output.layout];
      RECAST_ASSIGN(
          std::vector<int64_t> shape,
          plan::storedShape(layout, family_.shape, plan_.targets[output.target].rankIn(layout)));
      outputs_.push_back({*elementCount(shape), layout.axes.partCount() > 1, {}, nullptr});
    }
    return {};
  }

  Status prove(const plan::Run &run) {
    ++counts_.runs;
    RECAST_TRY(proveReads(plan_, family_, run, counts_));
    for (size_t o = 0; o < outputs_.size(); ++o) {
      Tiling &tiling = *outputs_[o].tiling;
      uint64_t unit = unitBytes(family_.outputs[o].dtype), begin = run.outputs[o].tensorByte;
      if (run.dims.empty()) {
        tiling.add(begin, begin + static_cast<uint64_t>(run.count) * unit);
        continue;
      }
      layout::Segments segments(plan::operandDims(run, family_.inputs.size() + o));
      do {
        uint64_t at = begin + static_cast<uint64_t>(segments.offset()) * unit;
        tiling.add(at, at + static_cast<uint64_t>(segments.count()) * unit);
      } while (segments.advance());
    }
    return {};
  }

  const plan::Plan &plan_;
  const plan::Family &family_;
  plan::FamilyExpander expander_;
  Counts &counts_;
  PackedTensors &packed_;
  plan::RunVisitor visit_;
  std::vector<Place> outputs_; ///< The same for all members but for the tilings.
};

} // namespace

Result<std::vector<Proof>> prove(const plan::Plan &plan) {
  Counts counts;
  PackedTensors packed;
  for (uint32_t f = 0; f < plan.families.size(); ++f) {
    const plan::Family &family = plan.families[f];
    RECAST_ASSIGN(plan::FamilyExpander expander, plan::FamilyExpander::create(plan, f));
    FamilyProof proof(plan, f, std::move(expander), counts, packed);
    for (uint32_t m = 0; m < family.memberCount(); ++m)
      if (plan::isScalarMember(family, m))
        counts.tensors += family.outputs.size();
      else
        RECAST_TRY(proof.prove(m));
  }
  for (auto &[key, tensor] : packed) {
    ++counts.tensors;
    counts.elements += static_cast<uint64_t>(tensor.elements);
    RECAST_TRY(proveTiled(plan, tensor.tiling, tensor.elements, tensor.dtype, tensor.target,
                          plan.strings[key[1]]));
  }
  std::vector<Proof> proofs;
  proofs.push_back({fmt::format("each of {} elements of {} target tensors is written exactly once",
                                counts.elements, counts.tensors)});
  proofs.push_back({fmt::format("each of {} reads lies inside its file", counts.reads)});
  RECAST_ASSIGN(ImageCounts images, proveImages(plan));
  proofs.push_back({fmt::format("each byte of {} target files ({} bytes) has exactly one origin",
                                images.files, images.bytes)});
  proofs.push_back(
      {fmt::format("every source tensor, role and object is used, or left out on purpose ({})",
                   plan.leftOut.size())});
  proofs.push_back({"no step waits for another one: there is nothing that could deadlock"});
  return proofs;
}

} // namespace recast::compiler
