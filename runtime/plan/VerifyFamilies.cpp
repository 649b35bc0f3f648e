// Families: recipes fit their inputs and outputs, and every read stays inside its extent. The cost
// per member is constant except where an extent is shorter than the layout's whole share (a last
// rank saved without padding): then the member's own fragments decide.
#include "runtime/base/Checked.h"
#include "runtime/layout/Pieces.h"
#include "runtime/plan/Verify.h"

#include <algorithm>

namespace recast::plan {
namespace {

using Shapes = std::vector<std::vector<int64_t>>;
constexpr size_t kMaxDims = 64;

/// One past the last stored element that the pieces of `fragment` touch.
int64_t storedEnd(const layout::Fragment &fragment) {
  int64_t end = 0;
  for (const layout::Piece &piece : fragment.pieces) {
    int64_t last = piece.storedOffset;
    for (const layout::BoxDim &dim : piece.dims)
      last += (dim.extent - 1) * dim.storedStride;
    end = std::max(end, last + 1);
  }
  return end;
}

/// Which parts of a layout are tensors of `shape`, as members are.
std::vector<char> partsOfShape(const Shapes &parts, const std::vector<int64_t> &shape) {
  std::vector<char> out;
  for (const std::vector<int64_t> &part : parts)
    out.push_back(part == shape);
  return out;
}

/// Checks the members' columns of one input.
class InputVerifier {
public:
  InputVerifier(const Plan &plan, const std::vector<StoreFacts> &stores, size_t family,
                size_t input)
      : plan_(plan), stores_(stores), family_(plan.families[family]), familyIndex_(family),
        inputIndex_(input), input_(family_.inputs[input]), layout_(plan.layouts[input_.layout]),
        shapes_(partShapes(layout_, family_.shape)), isPart_(partsOfShape(shapes_, family_.shape)) {
  }

  Status run() {
    const bool isScalar = family_.recipe.isScalarInput(inputIndex_);
    for (size_t m = 0; m < family_.memberCount(); ++m) {
      const MemberInput &row = family_.memberInputs[m * family_.inputs.size() + inputIndex_];
      if (row.part >= isPart_.size() || !isPart_[row.part])
        return bad(m, fmt::format("it is part {} of a layout that has no such part", row.part));
      if (row.store == kNone) {
        RECAST_TRY(scalar(m, row));
        continue;
      }
      if (isScalar)
        return bad(m, "its recipe wants one value for all elements, not a tensor");
      if (row.store >= plan_.stores.size())
        return bad(m, fmt::format("store {} does not exist, there are {}", row.store,
                                  plan_.stores.size()));
      RECAST_TRY(stored(m, row));
    }
    return {};
  }

private:
  tl::unexpected<Error> bad(size_t member, std::string why) const {
    const std::string &name = plan_.strings[family_.memberNames[member]];
    return fail(
        Error(Code::BadInput, fmt::format("malformed plan: family {}, member {}, input {}: {}",
                                          familyIndex_, member, inputIndex_, why))
            .tensor(name));
  }

  /// One value for all elements.
  Status scalar(size_t member, const MemberInput &row) const {
    unsigned bits = bitWidth(input_.dtype);
    if (bits > 64 || isPacked(input_.dtype) ||
        (bits < 64 && (static_cast<uint64_t>(row.start) >> bits) != 0) || row.groupTotal != 0)
      return bad(member, fmt::format("its bits do not fit {}", name(input_.dtype)));
    return {};
  }

  Status stored(size_t member, const MemberInput &row) {
    const Store &store = plan_.stores[row.store];
    const StoreFacts &facts = stores_[row.store];
    // First, because it bounds the number of fragments by the size of the file.
    int64_t ranks = layout_.mesh.rankCount();
    if (store.extentCount != ranks)
      return bad(member, fmt::format("store {} has {} extents for {} ranks", row.store,
                                     store.extentCount, ranks));
    if (bitWidth(input_.dtype) > facts.maxBits)
      return bad(member,
                 fmt::format("an extent of store {} reaches beyond its file if its elements "
                             "are {}",
                             row.store, name(input_.dtype)));
    RECAST_TRY(measure());
    if (row.start < 0 || row.groupTotal < 0)
      return bad(member, "a negative start or group size");
    return groupRanks_ ? grouped(member, row, facts) : placed(member, row, facts);
  }

  /// `start` is the same in every rank's buffer.
  Status placed(size_t member, const MemberInput &row, const StoreFacts &facts) const {
    if (row.groupTotal != 0)
      return bad(member, "a group size, but its layout has no group");
    auto end = checkedAdd(row.start, maxEnd_);
    if (end && *end <= facts.minElements)
      return {};
    for (auto [rank, rankEnd] : rankEnds_)
      RECAST_TRY(fits(member, row, rank, checkedAdd(row.start, rankEnd)));
    return {};
  }

  Status grouped(size_t member, const MemberInput &row, const StoreFacts &facts) {
    auto end = checkedAdd(row.start, localMax_);
    if (row.groupTotal != dividedTotal_) {
      dividedTotal_ = row.groupTotal;
      share_ = row.groupTotal / groupRanks_;
    }
    if (!end || *end > row.groupTotal || share_ * groupRanks_ != row.groupTotal)
      return bad(member, fmt::format("{} elements at {} do not fit a group of {} elements over {} "
                                     "ranks",
                                     localMax_, row.start, row.groupTotal, groupRanks_));
    if (share_ <= facts.minElements)
      return {};
    auto fragments =
        layout::fragments(layout_, shapes_, layout::FlatPosition{row.start, row.groupTotal});
    if (!fragments)
      return bad(member, fragments.error().message());
    for (const layout::Fragment &fragment : *fragments)
      RECAST_TRY(fits(member, row, fragment.rank, storedEnd(fragment)));
    return {};
  }

  Status fits(size_t member, const MemberInput &row, int64_t rank,
              std::optional<int64_t> end) const {
    const Extent &extent = plan_.extents[plan_.stores[row.store].firstExtent + rank];
    if (end && *end <= extent.elements)
      return {};
    return bad(member, fmt::format("rank {} would read beyond the {} elements of its extent in "
                                   "file `{}`",
                                   rank, extent.elements, plan_.files[extent.file].path));
  }

  /// What the layout needs of a store, the same for all members. Done for the first one.
  Status measure() {
    if (measured_)
      return {};
    measured_ = true;
    layout::Layout before = layout_;
    if (const layout::Flat *flat = layout::groupStep(layout_)) {
      groupRanks_ = layout_.mesh.sizes[layout_.mesh.axisIndex(flat->by)];
      while (!std::holds_alternative<layout::Flat>(before.steps.back()))
        before.steps.pop_back();
      before.steps.pop_back();
    }
    auto fragments = layout::fragments(before, shapes_);
    if (!fragments)
      return badPlan("family {}, input {}: {}", familyIndex_, inputIndex_,
                     fragments.error().message());
    for (const layout::Fragment &fragment : *fragments) {
      localMax_ = std::max(localMax_, fragment.storedElements);
      rankEnds_.emplace_back(fragment.rank, storedEnd(fragment));
      maxEnd_ = std::max(maxEnd_, rankEnds_.back().second);
    }
    return {};
  }

  const Plan &plan_;
  const std::vector<StoreFacts> &stores_;
  const Family &family_;
  size_t familyIndex_, inputIndex_;
  const Input &input_;
  const layout::Layout &layout_;
  Shapes shapes_;
  std::vector<char> isPart_;

  bool measured_ = false;
  int64_t groupRanks_ = 0; ///< Ranks that share a group buffer; 0: no group step.
  int64_t localMax_ = 0;   ///< Elements of the largest local tensor before the group step.
  int64_t dividedTotal_ = 0, share_ = 0; ///< The last group buffer; its neighbours lie in it, too.
  int64_t maxEnd_ = 0;
  std::vector<std::pair<int64_t, int64_t>> rankEnds_; ///< (rank, stored elements it needs).
};

Status verifyHeader(const Plan &plan, size_t f) {
  const Family &family = plan.families[f];
  auto count = elementCount(family.shape);
  if (family.shape.size() > kMaxDims || !count || !checkedMul<int64_t>(*count, 16))
    return badPlan("family {}: its shape is too large or negative", f);
  if (auto ok = recipe::verify(family.recipe); !ok)
    return badPlan("family {}: {}", f, ok.error().message());
  if (family.inputs.empty() || family.recipe.inputCount() != family.inputs.size() ||
      family.recipe.outputCount() != family.outputs.size())
    return badPlan("family {}: a recipe of {} inputs and {} outputs for {} and {}", f,
                   family.recipe.inputCount(), family.recipe.outputCount(), family.inputs.size(),
                   family.outputs.size());
  auto checkLayout = [&](std::string_view what, size_t slot, uint32_t index) -> Status {
    if (index >= plan.layouts.size())
      return badPlan("family {}: {} {} has layout {}, there are {}", f, what, slot, index,
                     plan.layouts.size());
    const layout::Layout &layout = plan.layouts[index];
    if (const layout::Varying *varying = layout::varyingStep(layout))
      return badPlan("family {}: {} {}: its values vary along {}; a plan says which are meant", f,
                     what, slot, varying->by);
    if (layout.axes.partCount() > layout::kMaxParts)
      return badPlan("family {}: {} {}: layout {} has too many parts", f, what, slot, index);
    if (auto ok = layout::verify(layout, partShapes(layout, family.shape)); !ok)
      return badPlan("family {}: {} {}: {}", f, what, slot, ok.error().message());
    return {};
  };
  auto checkType = [&](std::string_view what, size_t slot, DType dtype, DType inRecipe) -> Status {
    if (dtype != inRecipe)
      return badPlan("family {}: {} {} is {}, its recipe has {}", f, what, slot, name(dtype),
                     name(inRecipe));
    // What a family moves is elements, or it is bytes of packed ones.
    DType first = family.inputs[0].dtype;
    if (dtype != first && (isPacked(dtype) || isPacked(first)))
      return badPlan("family {}: {} {} is {}, and input 0 is {}: packed elements are only copied",
                     f, what, slot, name(dtype), name(first));
    return {};
  };
  for (size_t i = 0; i < family.inputs.size(); ++i) {
    RECAST_TRY(checkType("input", i, family.inputs[i].dtype, family.recipe.inputType(i)));
    RECAST_TRY(checkLayout("input", i, family.inputs[i].layout));
  }
  for (size_t i = 0; i < family.outputs.size(); ++i) {
    const Output &output = family.outputs[i];
    RECAST_TRY(checkType("output", i, output.dtype, family.recipe.outputType(i)));
    RECAST_TRY(checkLayout("output", i, output.layout));
    if (output.target >= plan.targets.size())
      return badPlan("family {}: output {} goes to target {}, there are {}", f, i, output.target,
                     plan.targets.size());
    // A target's place for a tensor has room for its elements and no more.
    const layout::Layout &layout = plan.layouts[output.layout];
    const int64_t rank = plan.targets[output.target].rankIn(layout);
    if (rank >= layout.mesh.rankCount() || layout::groupStep(layout))
      return badPlan("family {}: output {}: layout {} is not for target {}, which {}", f, i,
                     output.layout, output.target,
                     rank == int64_t{kNone} ? "holds tensors whole"
                                            : fmt::format("is rank {}", rank));
    // What has no source is a member of its own, and a part.
    for (const layout::Step &step : layout.steps)
      if (std::holds_alternative<layout::Pad>(step))
        return badPlan("family {}: output {}: layout {} has padding that nothing fills", f, i,
                       output.layout);
    auto fragment = layout::fragment(layout, partShapes(layout, family.shape), rank);
    if (!fragment)
      return badPlan("family {}: output {}: {}", f, i, fragment.error().message());
    auto shape = storedShape(layout, family.shape, rank);
    if (!shape)
      return badPlan("family {}: output {}: {}", f, i, shape.error().message());
    auto room = elementCount(*shape);
    if (!room || !checkedMul<int64_t>(*room, 16) || fragment->storedElements != *room)
      return badPlan("family {}: output {}: its layout stores {} elements of {}", f, i,
                     fragment->storedElements, room.value_or(-1));
  }
  return {};
}

Status verifyMembers(const Plan &plan, size_t f) {
  const Family &family = plan.families[f];
  size_t members = family.memberCount();
  if (members >= kNone || family.memberInputs.size() != members * family.inputs.size() ||
      family.memberOutputs.size() != members * family.outputs.size())
    return badPlan("family {}: its {} members have {} input and {} output rows", f, members,
                   family.memberInputs.size(), family.memberOutputs.size());
  for (size_t m = 0; m < members; ++m)
    if (family.memberNames[m] >= plan.strings.size())
      return badPlan("family {}: member {} is named by string {}, there are {}", f, m,
                     family.memberNames[m], plan.strings.size());
  std::vector<size_t> byElement; // Inputs that are loaded so.
  for (size_t i = 0; i < family.inputs.size(); ++i)
    if (!family.recipe.isScalarInput(i))
      byElement.push_back(i);
  for (size_t m = 0; m < members; ++m) {
    const MemberInput *rows = &family.memberInputs[m * family.inputs.size()];
    size_t scalars = 0;
    for (size_t i : byElement)
      scalars += rows[i].store == kNone;
    if (scalars == 0)
      continue;
    if (family.shape.empty() && scalars != byElement.size())
      return badPlan("family {}: member {} mixes known values with values in files", f, m);
    for (const Output &output : family.outputs)
      if (bitWidth(output.dtype) > 64)
        return badPlan("family {}: member {}: a known value of {}", f, m, name(output.dtype));
  }
  for (size_t i = 0; i < family.outputs.size(); ++i) {
    std::vector<char> isPart = partsOfShape(
        partShapes(plan.layouts[family.outputs[i].layout], family.shape), family.shape);
    for (size_t m = 0; m < members; ++m) {
      const MemberOutput &row = family.memberOutputs[m * family.outputs.size() + i];
      if (row.name >= plan.strings.size() || row.role >= plan.strings.size())
        return badPlan("family {}: an output is named by strings {} and {}, there are {}", f,
                       row.name, row.role, plan.strings.size());
      if (row.part >= isPart.size() || !isPart[row.part])
        return badPlan("family {}: an output is part {} of a layout that has no such part", f,
                       row.part);
    }
  }
  return {};
}

} // namespace

Status verifyFamilies(const Plan &plan, const std::vector<StoreFacts> &stores) {
  for (size_t f = 0; f < plan.families.size(); ++f) {
    RECAST_TRY(verifyHeader(plan, f));
    RECAST_TRY(verifyMembers(plan, f));
    for (size_t i = 0; i < plan.families[f].inputs.size(); ++i)
      RECAST_TRY(InputVerifier(plan, stores, f, i).run());
  }
  return verifyWritten(plan);
}

} // namespace recast::plan
