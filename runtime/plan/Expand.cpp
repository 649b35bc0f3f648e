#include "runtime/plan/Expand.h"
#include "runtime/base/Checked.h"
#include "runtime/layout/PackedBytes.h"
#include "runtime/plan/CellRuns.h"
#include "runtime/plan/FlatIntervals.h"

#include <fmt/format.h>
#include <optional>

namespace recast::plan {
namespace {

/// An input or output of the family as a side of the intersection.
struct Side {
  const layout::Layout *layout = nullptr;
  layout::Holders holders = layout::Holders::First;
  std::optional<int64_t> rank; ///< The only one that counts.
  bool grouped = false;        ///< Its fragments depend on the member's place in a group buffer.
  bool measured = false;
  std::vector<std::vector<int64_t>> shapes; ///< Of all parts of the layout.
  uint32_t part = 0;                        ///< Of the current member.
  layout::FlatPosition position;            ///< Where `grouped`.
  std::optional<FlatIntervals> flat;        ///< Of an input.
  std::vector<layout::Fragment> fragments;
  bool hasFragments = false; ///< Else only `intervals` are those of the current member.
  bool isSimple = false;
  std::vector<Interval> intervals; ///< Where `isSimple`.
};

/// Parts count in one layout; where several meet, each is the member itself.
void asTheMember(std::vector<layout::Fragment> &fragments) {
  for (layout::Fragment &fragment : fragments)
    for (layout::Piece &piece : fragment.pieces)
      piece.part = 0;
}

} // namespace

class FamilyExpander::Impl {
public:
  Impl(const Plan &plan, uint32_t index)
      : plan_(plan), family_(plan.families[index]), index_(index),
        count_(elementCount(family_.shape).value_or(0)) {
    for (const Input &input : family_.inputs)
      addSide(plan.layouts[input.layout], layout::Holders::First);
    for (const Output &output : family_.outputs)
      addSide(plan.layouts[output.layout], layout::Holders::Every,
              plan.targets[output.target].rankIn(plan.layouts[output.layout]));
    run_.family = index;
    run_.inputs.resize(family_.inputs.size());
    run_.outputs.resize(family_.outputs.size());
  }

  Status expand(uint32_t member, bool boxes, const RunVisitor &visit) {
    if (member >= family_.memberCount())
      return internal(fmt::format("family {} has no member {}", index_, member));
    rows_ = std::span(family_.memberInputs)
                .subspan(member * family_.inputs.size(), family_.inputs.size());
    outputRows_ = std::span(family_.memberOutputs)
                      .subspan(member * family_.outputs.size(), family_.outputs.size());
    run_.member = member;
    if (count_ == 0)
      return {};
    RECAST_TRY(measure());
    PlaceVisitor emit = [&](int64_t logical, int64_t count, std::span<const RunPlace> places) {
      return emitRun(logical, count, places, {}, visit);
    };
    if (active_.empty()) // Only values known now: checks of scalars.
      return emit(0, count_, {});
    bool simple = true;
    for (size_t side : active_)
      simple &= sides_[side].isSimple;
    if (simple) {
      // Moved in and out, because a sweep wants the active sides next to each other.
      std::vector<std::vector<Interval>> &operands = operands_;
      operands.resize(active_.size());
      for (size_t i = 0; i < active_.size(); ++i)
        operands[i].swap(sides_[active_[i]].intervals);
      Status status = sweep_.walk(operands, emit);
      for (size_t i = 0; i < active_.size(); ++i)
        operands[i].swap(sides_[active_[i]].intervals);
      return status;
    }
    if (!cellsValid_) {
      std::vector<layout::Operand> operands;
      for (size_t side : active_)
        if (!sides_[side].hasFragments)
          RECAST_TRY(findFragments(sides_[side]));
      for (size_t side : active_)
        operands.push_back({sides_[side].fragments, sides_[side].holders});
      RECAST_ASSIGN(cells_, layout::overlay(operands));
      cellsValid_ = true;
    }
    if (boxes)
      return walkBoxes(cells_, [&](int64_t logical, int64_t count, std::span<const RunPlace> places,
                                   std::span<const BoxDim> dims) {
        return emitRun(logical, count, places, dims, visit);
      });
    return walkCells(cells_, emit);
  }

private:
  void addSide(const layout::Layout &layout, layout::Holders holders,
               std::optional<int64_t> rank = std::nullopt) {
    Side side;
    side.layout = &layout;
    side.holders = holders;
    side.rank = rank;
    side.grouped = layout::groupStep(layout) != nullptr;
    if (holders == layout::Holders::First)
      side.flat = FlatIntervals::of(layout);
    side.shapes = partShapes(layout, family_.shape);
    sides_.push_back(std::move(side));
  }

  /// Brings fragments up to date for the current member, and the list of sides that are not
  /// scalars; what earlier members left is kept where it still holds.
  Status measure() {
    nowActive_.clear();
    for (size_t i = 0; i < sides_.size(); ++i) {
      Side &side = sides_[i];
      bool isInput = i < family_.inputs.size();
      if (isInput && rows_[i].store == kNone)
        continue;
      nowActive_.push_back(i);
      uint32_t part = isInput ? rows_[i].part : outputRows_[i - family_.inputs.size()].part;
      if (side.measured && !side.grouped && side.part == part)
        continue;
      side.part = part;
      side.hasFragments = false;
      side.position = {};
      if (side.grouped)
        side.position = {rows_[i].start, rows_[i].groupTotal};
      side.isSimple =
          side.flat && part == 0 && side.flat->at(side.position, count_, side.intervals);
      if (!side.isSimple) {
        RECAST_TRY(findFragments(side));
        side.isSimple = asIntervals({side.fragments, side.holders}, side.intervals);
      }
      side.measured = true;
      cellsValid_ = false;
    }
    if (nowActive_ != active_) {
      active_.swap(nowActive_);
      cellsValid_ = false;
    }
    return {};
  }

  static Status findFragments(Side &side) {
    if (side.rank) {
      RECAST_ASSIGN(
          layout::Fragment one,
          layout::fragmentOfPart(*side.layout, side.shapes, side.part, *side.rank, side.position));
      side.fragments.assign(1, std::move(one));
    } else {
      RECAST_ASSIGN(side.fragments,
                    layout::fragmentsOfPart(*side.layout, side.shapes, side.part, side.position));
    }
    asTheMember(side.fragments);
    side.hasFragments = true;
    return {};
  }

  Status emitRun(int64_t logical, int64_t count, std::span<const RunPlace> places,
                 std::span<const BoxDim> dims, const RunVisitor &visit) {
    run_.logicalOffset = logical;
    run_.count = count;
    setDims(dims);
    elements_.assign(sides_.size(), 0);
    size_t next = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].store == kNone) {
        run_.inputs[i] = {kNone, static_cast<uint64_t>(rows_[i].start)};
        continue;
      }
      RunPlace place = places[next++];
      const Store &store = plan_.stores[rows_[i].store];
      // A layout's own offset counts from the member, except in a group buffer, where it counts
      // from the rank's share.
      int64_t element = place.offset + (sides_[i].grouped ? 0 : rows_[i].start);
      int64_t span = dims.empty() ? count : layout::spanOfBox(operandDims(run_, i));
      if (place.rank >= store.extentCount ||
          plan_.extents[store.firstExtent + place.rank].elements - span < element)
        return outside(i, place.rank, element, span);
      const Extent &extent = plan_.extents[store.firstExtent + place.rank];
      run_.inputs[i] = {extent.file, extent.offset};
      elements_[i] = element;
    }
    for (size_t i = 0; i < family_.outputs.size(); ++i)
      elements_[rows_.size() + i] = places[next++].offset;
    if (isPacked(family_.inputs[0].dtype))
      RECAST_TRY(countBytes(family_.inputs[0].dtype));
    auto bytes = [&](size_t side, DType dtype) {
      return static_cast<uint64_t>(elements_[side]) * unitBytes(dtype);
    };
    for (size_t i = 0; i < rows_.size(); ++i)
      if (rows_[i].store != kNone)
        run_.inputs[i].offset += bytes(i, family_.inputs[i].dtype);
    for (size_t i = 0; i < family_.outputs.size(); ++i)
      run_.outputs[i].tensorByte = bytes(rows_.size() + i, family_.outputs[i].dtype);
    return visit(run_);
  }

  /// From packed elements to the bytes that they fill.
  Status countBytes(DType dtype) {
    std::vector<int64_t *> numbers;
    for (int64_t &element : elements_)
      numbers.push_back(&element);
    std::vector<layout::AxisInPlace> axes;
    for (RunDim &dim : run_.dims) {
      axes.push_back({&dim.extent, {}});
      for (int64_t &stride : dim.strides)
        axes.back().strides.push_back(&stride);
    }
    if (run_.dims.empty())
      axes.push_back({&run_.count, {}});
    else
      numbers.push_back(&run_.count);
    if (layout::elementsToBytes(bitWidth(dtype), numbers, axes))
      return {};
    return fail(Error(Code::BadInput,
                      fmt::format("its elements of {} share bytes with others that go elsewhere",
                                  name(dtype)))
                    .tensor(plan_.strings[family_.memberNames[run_.member]])
                    .hint("Packed elements are moved as whole bytes: keep the rows as they are."));
  }

  void setDims(std::span<const BoxDim> dims) {
    run_.dims.resize(dims.size());
    for (size_t d = 0; d < dims.size(); ++d) {
      RunDim &dim = run_.dims[d];
      dim.extent = dims[d].extent;
      dim.logicalStride = dims[d].logicalStride;
      dim.strides.assign(sides_.size(), 0);
      for (size_t side = 0; side < active_.size(); ++side)
        dim.strides[active_[side]] = dims[d].strides[side];
    }
  }

  /// verify() refuses such plans; said here too, because a wrong read would be silent.
  tl::unexpected<Error> outside(size_t input, int64_t rank, int64_t element, int64_t count) const {
    return fail(Error(Code::Internal,
                      fmt::format("input {} of rank {}: elements {} + {} lie outside its extent",
                                  input, rank, element, count))
                    .tensor(plan_.strings[family_.memberNames[run_.member]]));
  }

  const Plan &plan_;
  const Family &family_;
  uint32_t index_;
  int64_t count_;                 ///< Elements of a member.
  std::vector<Side> sides_;       ///< Inputs, then outputs.
  std::vector<size_t> active_;    ///< Sides that are not scalars for the current member.
  std::vector<size_t> nowActive_; ///< Where measure() collects them.
  std::vector<std::vector<Interval>> operands_;
  IntervalSweep sweep_;
  std::vector<layout::Cell> cells_;
  bool cellsValid_ = false;
  std::span<const MemberInput> rows_; ///< Of the current member.
  std::span<const MemberOutput> outputRows_;
  Run run_;
  std::vector<int64_t> elements_; ///< Where the run begins on each side.
};

FamilyExpander::FamilyExpander(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FamilyExpander::FamilyExpander(FamilyExpander &&) noexcept = default;
FamilyExpander &FamilyExpander::operator=(FamilyExpander &&) noexcept = default;
FamilyExpander::~FamilyExpander() = default;

Result<FamilyExpander> FamilyExpander::create(const Plan &plan, uint32_t family) {
  if (family >= plan.families.size())
    return internal(fmt::format("the plan has no family {}", family));
  return FamilyExpander(std::make_unique<Impl>(plan, family));
}

Status FamilyExpander::expand(uint32_t member, const RunVisitor &visit) {
  return impl_->expand(member, false, visit);
}
Status FamilyExpander::expandBoxes(uint32_t member, const RunVisitor &visit) {
  return impl_->expand(member, true, visit);
}

std::vector<layout::StridedDim> operandDims(const Run &run, size_t operand) {
  std::vector<layout::StridedDim> dims;
  for (const RunDim &dim : run.dims)
    dims.push_back({dim.extent, dim.strides[operand]});
  return dims;
}

Status expandMember(const Plan &plan, uint32_t family, uint32_t member, const RunVisitor &visit) {
  RECAST_ASSIGN(FamilyExpander expander, FamilyExpander::create(plan, family));
  return expander.expand(member, visit);
}

Status expandPlan(const Plan &plan, const RunVisitor &visit) {
  for (uint32_t f = 0; f < plan.families.size(); ++f) {
    RECAST_ASSIGN(FamilyExpander expander, FamilyExpander::create(plan, f));
    for (uint32_t m = 0; m < plan.families[f].memberCount(); ++m)
      RECAST_TRY(expander.expand(m, visit));
  }
  return {};
}

Result<RunTotals> countMember(const Plan &plan, uint32_t family, uint32_t member) {
  RunTotals totals;
  RECAST_TRY(expandMember(plan, family, member, [&](const Run &run) -> Status {
    const Family &shape = plan.families[run.family];
    auto count = static_cast<uint64_t>(run.count);
    ++totals.runs;
    totals.elements += count;
    for (size_t i = 0; i < run.inputs.size(); ++i)
      if (run.inputs[i].file != kNone)
        totals.bytesRead += count * unitBytes(shape.inputs[i].dtype);
    for (const Output &output : shape.outputs)
      totals.bytesWritten += count * unitBytes(output.dtype);
    return {};
  }));
  return totals;
}

} // namespace recast::plan
