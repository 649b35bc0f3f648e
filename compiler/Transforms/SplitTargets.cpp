#include "compiler/Transforms/Passes.h"
#include "dialect/Ckpt/MemberTable.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/STLExtras.h"

#include <vector>

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {

#define GEN_PASS_DEF_CKPTSPLITTARGETS
#include "compiler/Transforms/Passes.h.inc"

namespace {

/// Takes away every output but one, and whatever only the others needed.
class Single {
public:
  Single(ckpt::FamilyOp family, const ckpt::MemberTable &table, size_t output)
      : family_(family), table_(table),
        before_{family.getInputs().size(), family.getTargets().size()}, output_(output) {}

  void run() {
    Value value = family_.getYield().getValues()[output_];
    family_.getYield().getValuesMutable().assign(ValueRange(value));
    bool isFirst = output_ == 0; // It keeps the checks, which are done once.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(family_.getBlock())))
      if (!op.hasTrait<OpTrait::IsTerminator>() && op.use_empty() && (!isFirst || isPure(&op)))
        op.erase();
    BitVector unused(before_.inputs);
    for (BlockArgument input : family_.getInputs())
      if (input.use_empty())
        unused.set(input.getArgNumber());
      else
        kept_.push_back(input.getArgNumber());
    family_.getBlock().eraseArguments(unused);
    setAttributes();
  }

private:
  void setAttributes() {
    MLIRContext *context = family_.getContext();
    SmallVector<Attribute> roles;
    for (unsigned input : kept_)
      roles.push_back(family_.getRoles()[input]);
    family_.setRolesAttr(ArrayAttr::get(context, roles));
    family_.setTargetsAttr(ArrayAttr::get(context, family_.getTargets()[output_]));
    ckpt::MemberColumns after{kept_.size(), 1};
    std::vector<int64_t> rows;
    rows.reserve(table_.size() * after.count());
    for (size_t member = 0; member < table_.size(); ++member) {
      ArrayRef<int64_t> row = table_.row(member);
      rows.push_back(row[ckpt::MemberColumns::name()]);
      for (unsigned input : kept_)
        llvm::append_range(rows, row.slice(before_.store(input), ckpt::MemberColumns::kPerInput));
      llvm::append_range(rows,
                         row.slice(before_.targetName(output_), ckpt::MemberColumns::kPerOutput));
    }
    family_.setMembersAttr(
        ckpt::makeMemberTable(context, family_.getSymName(), after.count(), std::move(rows)));
  }

  ckpt::FamilyOp family_;
  const ckpt::MemberTable &table_;
  ckpt::MemberColumns before_;
  size_t output_;
  SmallVector<unsigned> kept_; ///< Inputs that are still used.
};

class CkptSplitTargets : public impl::CkptSplitTargetsBase<CkptSplitTargets> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto family : llvm::make_early_inc_range(getOperation().getOps<ckpt::FamilyOp>())) {
      size_t outputs = family.getTargets().size();
      auto table = ckpt::MemberTable::read(family);
      if (outputs < 2 || !table)
        continue;
      Operation *last = family;
      std::vector<ckpt::FamilyOp> copies{family};
      for (size_t o = 1; o < outputs; ++o) {
        ckpt::FamilyOp copy = family.clone();
        symbols.insert(copy, std::next(Block::iterator(last)));
        copies.push_back(copy);
        last = copy;
      }
      for (size_t o = outputs; o-- > 0;)
        Single(copies[o], *table, o).run();
    }
  }
};

} // namespace
} // namespace recast::compiler
