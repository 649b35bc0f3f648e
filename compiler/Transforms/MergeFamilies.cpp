#include "compiler/Transforms/Passes.h"
#include "dialect/Ckpt/MemberTable.h"
#include "dialect/Plan/PlanDialect.h"
#include "runtime/layout/NormalForm.h"
#include "runtime/layout/PackedShapes.h"
#include "runtime/layout/Pieces.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

#include <map>
#include <numeric>
#include <tuple>

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {

#define GEN_PASS_DEF_CKPTMERGEFAMILIES
#include "compiler/Transforms/Passes.h.inc"

namespace {

constexpr StringRef kCategory = "ckpt-merge-families";

/// A family that may be merged, with its members in the order of their names.
struct Candidate {
  ckpt::FamilyOp op;
  ckpt::MemberTable table;
  ckpt::MemberColumns columns;
  std::vector<size_t> order;

  ArrayRef<int64_t> row(size_t k) const { return table.row(order[k]); }
  ArrayRef<int64_t> inputCells(size_t k, size_t input) const {
    return row(k).slice(columns.store(input), ckpt::MemberColumns::kPerInput);
  }
};

/// Nothing if the table is not there or a name appears twice: then there is no telling which rows
/// belong together.
std::optional<Candidate> candidate(ckpt::FamilyOp op) {
  auto table = ckpt::MemberTable::read(op);
  if (!table)
    return std::nullopt;
  Candidate out{op, *table, {op.getInputs().size(), op.getTargets().size()}, {}};
  out.order.resize(table->size());
  std::iota(out.order.begin(), out.order.end(), size_t{0});
  auto byName = [&](size_t a, size_t b) { return table->row(a)[0] < table->row(b)[0]; };
  if (!llvm::is_sorted(out.order, byName))
    llvm::sort(out.order, byName);
  for (size_t k = 1; k < out.order.size(); ++k)
    if (out.row(k)[0] == out.row(k - 1)[0])
      return std::nullopt;
  return out;
}

/// Whether values of both types have the same elements in the same places, however that is written.
bool sameLoad(ckpt::ValueType a, ckpt::ValueType b) {
  if (a == b)
    return true;
  if (a.getTensor() != b.getTensor() || !ckpt::varyingAxes(a).empty())
    return false;
  auto form = [](ckpt::ValueType type) {
    layout::Layout layout = type.getLayout();
    std::vector<std::vector<int64_t>> shapes{type.getShape().vec()};
    if (layout.axes.partCount() > 1)
      shapes = layout::partShapes(layout.axes);
    return layout::normalForm(layout, shapes);
  };
  return form(a) == form(b);
}

/// Whether both read the same bytes there: role, type, and columns of every member.
bool sameInput(const Candidate &a, size_t inputA, const Candidate &b, size_t inputB) {
  ckpt::FamilyOp opA = a.op, opB = b.op;
  if (!sameLoad(cast<ckpt::ValueType>(opA.getInputs()[inputA].getType()),
                cast<ckpt::ValueType>(opB.getInputs()[inputB].getType())) ||
      opA.getRoles()[inputA] != opB.getRoles()[inputB])
    return false;
  for (size_t k = 0; k < a.order.size(); ++k)
    if (a.inputCells(k, inputA) != b.inputCells(k, inputB))
      return false;
  return true;
}

/// Bytes of an input over all members; values that are known already cost nothing.
uint64_t bytesRead(const Candidate &family, size_t input) {
  ckpt::FamilyOp op = family.op;
  auto type = cast<ckpt::ValueType>(op.getInputs()[input].getType());
  uint64_t stored = 0;
  for (size_t k = 0; k < family.order.size(); ++k)
    stored += family.row(k)[family.columns.store(input)] != -1;
  return stored * static_cast<uint64_t>(type.getTensor().getNumElements()) *
         bitWidth(type.getDType()) / 8;
}

/// An upper bound on the nodes of the family's recipe: loads, ops, stores instead of the yield.
size_t nodeBound(const Candidate &family) {
  ckpt::FamilyOp op = family.op;
  size_t nodes = family.columns.inputs + family.columns.outputs;
  for (Operation &inner : op.getBlock())
    // Arithmetic casts each operand, has at most as many nodes, or those of a prediction, and
    // casts.
    nodes += isa<ckpt::MeanOp, ckpt::ExtrapolateOp>(inner) ? 2 * inner.getNumOperands() + 8 : 1;
  return nodes;
}

/// The op that computes (or checks) the same in the block already.
Operation *equivalentBefore(Operation *op) {
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode())
    if (OperationEquivalence::isEquivalentTo(before, op, OperationEquivalence::exactValueMatch,
                                             nullptr, OperationEquivalence::IgnoreLocations))
      return before;
  return nullptr;
}

class Merger {
public:
  Merger(Candidate &into, Candidate &from) : into_(into), from_(from) {}

  /// Merges if at least one read is saved.
  bool run() {
    if (!match())
      return false;
    if (nodeBound(into_) + nodeBound(from_) > recipe::kMaxNodes) {
      remark::missed(from_.op.getLoc(), opts("RecipeTooLong"))
          << llvm::formatv("family @{0} reads the same as @{1}, but together they are longer than "
                           "a recipe may be",
                           from_.op.getSymName(), into_.op.getSymName())
                 .str();
      return false;
    }
    remark::passed(from_.op.getLoc(), opts("OneReadFeedsAll"))
        << llvm::formatv("family @{0} joins @{1}", from_.op.getSymName(), into_.op.getSymName())
               .str()
        << remark::metric("bytesSaved", saved_);
    addInputs();
    addBody();
    addRows();
    from_.op.erase();
    return true;
  }

private:
  remark::RemarkOpts opts(StringRef name) {
    return remark::RemarkOpts::name(name).category(kCategory).function(into_.op.getSymName());
  }

  /// Finds each input of `from` among those of `into`; the others are new.
  bool match() {
    for (size_t b = 0; b < from_.columns.inputs; ++b) {
      std::optional<size_t> found;
      for (size_t a = 0; a < into_.columns.inputs && !found; ++a)
        if (sameInput(into_, a, from_, b))
          found = a;
      if (found)
        saved_ += bytesRead(from_, b);
      else
        added_.push_back(b);
      position_.push_back(found.value_or(into_.columns.inputs + added_.size() - 1));
    }
    return saved_ > 0;
  }

  void addInputs() {
    SmallVector<Attribute> roles(into_.op.getRoles().getValue());
    for (size_t b : added_) {
      BlockArgument argument = from_.op.getInputs()[b];
      into_.op.getBlock().addArgument(argument.getType(), argument.getLoc());
      roles.push_back(from_.op.getRoles()[b]);
    }
    Builder builder(into_.op.getContext());
    into_.op.setRolesAttr(builder.getArrayAttr(roles));
    SmallVector<Attribute> targets(into_.op.getTargets().getValue());
    llvm::append_range(targets, from_.op.getTargets());
    into_.op.setTargetsAttr(builder.getArrayAttr(targets));
  }

  void addBody() {
    IRMapping mapping;
    ckpt::YieldOp yield = into_.op.getYield();
    OpBuilder builder(yield);
    for (auto [b, argument] : llvm::enumerate(from_.op.getInputs())) {
      Value value = into_.op.getInputs()[position_[b]];
      if (value.getType() != argument.getType()) // the same layout in other words
        value = ckpt::ReshardOp::create(builder, argument.getLoc(), argument.getType(), value);
      mapping.map(argument, value);
    }
    for (Operation &op : from_.op.getBlock().without_terminator()) {
      Operation *clone = builder.clone(op, mapping);
      if (Operation *known = equivalentBefore(clone)) {
        mapping.map(op.getResults(), known->getResults());
        clone->erase();
      }
    }
    for (Value value : from_.op.getYield().getValues())
      yield.getValuesMutable().append(mapping.lookup(value));
  }

  void addRows() {
    ckpt::MemberColumns columns{into_.columns.inputs + added_.size(),
                                into_.columns.outputs + from_.columns.outputs};
    // Rows stay in the order of the family that is merged into.
    std::vector<size_t> partner(into_.order.size());
    for (size_t k = 0; k < into_.order.size(); ++k)
      partner[into_.order[k]] = from_.order[k];
    std::vector<int64_t> rows;
    rows.reserve(partner.size() * columns.count());
    auto append = [&](ArrayRef<int64_t> cells) {
      rows.insert(rows.end(), cells.begin(), cells.end());
    };
    for (size_t m = 0; m < partner.size(); ++m) {
      ArrayRef<int64_t> a = into_.table.row(m), b = from_.table.row(partner[m]);
      size_t inputsEnd = into_.columns.firstOutput();
      append(a.take_front(inputsEnd));
      for (size_t input : added_)
        append(b.slice(from_.columns.store(input), ckpt::MemberColumns::kPerInput));
      append(a.drop_front(inputsEnd));
      append(b.drop_front(from_.columns.firstOutput()));
    }
    into_.op.setMembersAttr(ckpt::makeMemberTable(into_.op.getContext(), into_.op.getSymName(),
                                                  columns.count(), std::move(rows)));
    into_.table = *ckpt::MemberTable::read(into_.op);
    into_.columns = columns;
  }

  Candidate &into_, &from_;
  std::vector<size_t> added_;    ///< Inputs of `from` that `into` does not have.
  std::vector<size_t> position_; ///< Per input of `from`, where it is in the merged family.
  uint64_t saved_ = 0;
};

/// What of its members the targets of a family hold (layout::shareName); nothing where they differ.
/// A family computes what all of its outputs hold.
std::optional<std::string> shareOf(ckpt::FamilyOp family, const llvm::StringMap<int64_t> &ranks) {
  std::optional<std::string> share;
  for (auto [symbol, value] : llvm::zip_equal(family.getTargets(), family.getYield().getValues())) {
    layout::Layout layout = cast<ckpt::ValueType>(value.getType()).getLayout();
    auto rank = ranks.find(cast<FlatSymbolRefAttr>(symbol).getValue());
    std::string name;
    if (rank != ranks.end() && rank->second < layout.mesh.rankCount())
      name = layout::shareName(layout, rank->second);
    if (share && *share != name)
      return std::nullopt;
    share = std::move(name);
  }
  return share.value_or("");
}

class CkptMergeFamilies : public impl::CkptMergeFamiliesBase<CkptMergeFamilies> {
  void runOnOperation() override {
    // Only families of one shape and the same members can share reads.
    using Key = std::tuple<std::vector<int64_t>, std::vector<int64_t>, std::string>;
    std::map<Key, std::vector<Candidate>> groups;
    llvm::StringMap<int64_t> ranks;
    for (plan::TargetOp target : getOperation().getOps<plan::TargetOp>())
      if (target.getRank())
        ranks[target.getName()] = *target.getRank();
    for (auto op : llvm::make_early_inc_range(getOperation().getOps<ckpt::FamilyOp>())) {
      auto found = candidate(op);
      std::optional<std::string> share = shareOf(op, ranks);
      if (!found || !share)
        continue;
      std::vector<int64_t> names;
      for (size_t k = 0; k < found->order.size(); ++k)
        names.push_back(found->row(k)[0]);
      Key key{{op.getShape().begin(), op.getShape().end()}, std::move(names), *std::move(share)};
      std::vector<Candidate> &group = groups[key];
      bool merged =
          llvm::any_of(group, [&](Candidate &into) { return Merger(into, *found).run(); });
      if (!merged)
        group.push_back(std::move(*found));
    }
  }
};

} // namespace
} // namespace recast::compiler
