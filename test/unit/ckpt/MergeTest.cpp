// Where families may not be merged.
#include "compiler/Transforms/Passes.h"
#include "dialect/Ckpt/MemberTable.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;

class Merge : public testing::Test {
protected:
  Merge() : builder_(&context_) {
    context_.loadDialect<ckpt::CkptDialect>();
    module_ = mlir::ModuleOp::create(builder_, builder_.getUnknownLoc());
  }

  /// A family of members `names`, all from one store, that keeps its input in `outputs` targets.
  void add(llvm::StringRef symbol, size_t outputs, std::vector<int64_t> names) {
    mlir::OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToEnd(module_->getBody());
    auto loc = builder_.getUnknownLoc();
    std::vector<int64_t> rows;
    for (int64_t name : names) {
      rows.insert(rows.end(), {name, 0, name * 8, 0, 0});
      rows.insert(rows.end(), 3 * outputs, name);
    }
    ckpt::MemberColumns columns{1, outputs};
    auto table = ckpt::makeMemberTable(&context_, symbol, columns.count(), std::move(rows));
    std::vector<llvm::StringRef> targets(outputs, "hub");
    auto type = ckpt::ValueType::get(&context_, {8}, DType::F32);
    auto family = ckpt::FamilyOp::create(builder_, loc, symbol, {"master"}, targets, table, {type});
    builder_.setInsertionPointToEnd(&family.getBlock());
    std::vector<mlir::Value> values(outputs, family.getInputs()[0]);
    ckpt::YieldOp::create(builder_, loc, values);
  }

  /// Families left after the pass.
  size_t merged() {
    mlir::PassManager manager(&context_);
    manager.addPass(createCkptMergeFamilies());
    EXPECT_TRUE(mlir::succeeded(manager.run(*module_)));
    auto families = module_->getOps<ckpt::FamilyOp>();
    return static_cast<size_t>(std::distance(families.begin(), families.end()));
  }

  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  mlir::OpBuilder builder_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

TEST_F(Merge, AsLongAsARecipeMayBe) {
  add("a", 60, {1, 2});
  add("b", 60, {2, 1});
  EXPECT_EQ(merged(), 1u);
  auto family = *module_->getOps<ckpt::FamilyOp>().begin();
  EXPECT_EQ(family.getTargets().size(), 120u);
  EXPECT_EQ(ckpt::MemberTable::read(family)->columns(), 1u + 4u + 3u * 120u);
}

TEST_F(Merge, NotLonger) {
  add("a", 130, {1, 2});
  add("b", 130, {1, 2});
  EXPECT_EQ(merged(), 2u);
}

TEST_F(Merge, NotWithOtherMembers) {
  add("a", 1, {1, 2});
  add("b", 1, {1, 3});
  add("c", 1, {1});
  EXPECT_EQ(merged(), 3u);
}

TEST_F(Merge, NotWhereANameStandsTwice) {
  add("a", 1, {1, 1});
  add("b", 1, {1, 1});
  EXPECT_EQ(merged(), 2u);
}

} // namespace
} // namespace recast::compiler
