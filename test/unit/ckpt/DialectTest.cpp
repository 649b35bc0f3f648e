// The C++ side of the ckpt dialect: dtypes, layouts as attributes, member tables.
#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Ckpt/MemberTable.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

namespace recast {
namespace {

using namespace recast::ir;

class Dialect : public testing::Test {
protected:
  Dialect() { context_.loadDialect<ckpt::CkptDialect>(); }
  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
};

TEST_F(Dialect, EveryDTypeHasOneElementType) {
  llvm::DenseSet<mlir::Type> seen;
  for (const DTypeInfo &dtype : allDTypes()) {
    mlir::Type type = ckpt::typeOf(&context_, dtype.type);
    EXPECT_TRUE(seen.insert(type).second) << dtype.name;
    EXPECT_EQ(ckpt::dtypeOf(type), dtype.type) << dtype.name;
    EXPECT_TRUE(mlir::RankedTensorType::isValidElementType(type)) << dtype.name;
  }
}

TEST_F(Dialect, OtherTypesAreNoDTypes) {
  EXPECT_EQ(ckpt::dtypeOf(mlir::IntegerType::get(&context_, 32)), std::nullopt);
  EXPECT_EQ(ckpt::dtypeOf(mlir::IntegerType::get(&context_, 1, mlir::IntegerType::Unsigned)),
            std::nullopt);
  EXPECT_EQ(ckpt::dtypeOf(mlir::IntegerType::get(&context_, 4, mlir::IntegerType::Signed)),
            std::nullopt);
  EXPECT_EQ(ckpt::dtypeOf(mlir::Float80Type::get(&context_)), std::nullopt);
  EXPECT_EQ(ckpt::dtypeOf(mlir::IndexType::get(&context_)), std::nullopt);
  EXPECT_EQ(ckpt::dtypeOf(mlir::ComplexType::get(mlir::BFloat16Type::get(&context_))),
            std::nullopt);
}

TEST_F(Dialect, LayoutsSurviveTheWayThere) {
  for (const char *text : {
           "on (dp = 2) flat dp per param",
           "on (dp = 2, tp = 4) split d0 by tp flat dp per group",
           "on (tp = 4) map \"((g r d) + (g d) + (g d)) h\" {d = 4, g = 8, h = 16, r = 2} split g "
           "r by tp",
           "on (tp = 2) map \"(g r (two j)) h -> (g r (j two)) h\" {g = 2, h = 4, j = 3, r = 2, "
           "two = 2} split g by tp",
           "on (dp = 3) split d0 by dp (ceil) chunk 1 by dp",
           "on (dp = 2) split d0 by dp (widths 3 1)",
           "on (tp = 2) pad V to multiple of 128 split V by tp",
       }) {
    auto layout = layout::Layout::parse(text);
    ASSERT_TRUE(layout) << text << ": " << layout.error().str();
    auto attr = ckpt::LayoutAttr::get(&context_, *layout);
    ASSERT_TRUE(attr) << text;
    EXPECT_EQ(attr.getLayout(), *layout) << text;
    EXPECT_EQ(ckpt::LayoutAttr::get(&context_, attr.getLayout()), attr) << text;
  }
}

TEST_F(Dialect, AWholeLayoutIsNoAttribute) {
  EXPECT_FALSE(ckpt::LayoutAttr::get(&context_, layout::Layout{}));
  auto type = ckpt::ValueType::get(&context_, {67, 32}, DType::BF16);
  EXPECT_TRUE(type.getLayout().isWhole());
  EXPECT_EQ(type.getDType(), DType::BF16);
}

TEST_F(Dialect, AxesKnowTheShapesOfTheirParts) {
  auto map = layout::AxisMap::parse("((g r d) + (g d) + (g d)) h",
                                    {{"g", 8}, {"r", 4}, {"d", 128}, {"h", 4096}});
  ASSERT_TRUE(map);
  auto axes = ckpt::AxesAttr::get(&context_, *map);
  EXPECT_EQ(axes.getStoredShape(), (llvm::SmallVector<int64_t>{6144, 4096}));
  EXPECT_EQ(axes.getPartShapes(),
            (std::vector<std::vector<int64_t>>{{4096, 4096}, {1024, 4096}, {1024, 4096}}));
  auto rotary = layout::AxisMap::parse("(g two j) -> (j two) g", {{"g", 3}, {"two", 2}, {"j", 5}});
  ASSERT_TRUE(rotary) << rotary.error().str();
  auto swapped = ckpt::AxesAttr::get(&context_, *rotary);
  EXPECT_EQ(swapped.getStoredShape(), (llvm::SmallVector<int64_t>{10, 3}));
  EXPECT_EQ(swapped.getPartShapes(), (std::vector<std::vector<int64_t>>{{30}}));
}

TEST_F(Dialect, MemberTablesAreReadAsWritten) {
  std::vector<int64_t> rows{1, 7, 0, 0, 2, 2, 3, 1, 4, -1, 5, 0, 0, 6, 8, 9};
  auto attr = ckpt::makeMemberTable(&context_, "t", 8, rows);
  auto table = ckpt::MemberTable::read(attr);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size(), 2u);
  EXPECT_EQ(table->columns(), 8u);
  EXPECT_EQ(table->row(1), llvm::ArrayRef<int64_t>(rows).drop_front(8));
  ckpt::MemberColumns columns{1, 1};
  EXPECT_EQ(columns.count(), 8u);
  EXPECT_EQ(table->row(0)[columns.inputPart(0)], 2);
  EXPECT_EQ(table->row(1)[columns.outputPart(0)], 9);
  EXPECT_EQ(table->row(1)[columns.store(0)], -1);
  EXPECT_EQ(table->row(1)[columns.targetRole(0)], 8);
  // A second table of the same name is another one.
  auto other = ckpt::makeMemberTable(&context_, "t", 6, {0, 0, 0, 0, 0, 0});
  EXPECT_NE(attr, other);
  EXPECT_EQ(ckpt::MemberTable::read(attr)->row(0)[0], 1);
}

TEST_F(Dialect, ATableOfAnotherSizeIsNone) {
  auto attr = ckpt::makeMemberTable(&context_, "t", 6, std::vector<int64_t>(12));
  auto type = mlir::RankedTensorType::get({3, 6}, mlir::IntegerType::get(&context_, 64));
  EXPECT_FALSE(
      ckpt::MemberTable::read(mlir::DenseResourceElementsAttr::get(type, attr.getRawHandle())));
  auto narrow = mlir::RankedTensorType::get({4, 6}, mlir::IntegerType::get(&context_, 32));
  EXPECT_FALSE(
      ckpt::MemberTable::read(mlir::DenseResourceElementsAttr::get(narrow, attr.getRawHandle())));
}

TEST_F(Dialect, FamiliesAreBuilt) {
  mlir::OpBuilder builder(&context_);
  auto loc = builder.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(builder, loc);
  builder.setInsertionPointToEnd(module->getBody());
  auto flat = layout::Layout::parse("on (dp = 2) flat dp per param");
  ASSERT_TRUE(flat);
  auto type =
      ckpt::ValueType::get(&context_, {5, 3}, DType::F32, ckpt::LayoutAttr::get(&context_, *flat));
  auto members = ckpt::makeMemberTable(&context_, "w", 8, {0, 0, 0, 0, 0, 1, 2, 0});
  auto family = ckpt::FamilyOp::create(builder, loc, "w", {"master"}, {"hub"}, members, {type});
  builder.setInsertionPointToEnd(&family.getBlock());
  auto whole = ckpt::ReshardOp::create(builder, loc, type.withOn({}), family.getInputs()[0]);
  auto cast = ckpt::CastOp::create(builder, loc, whole, DType::F8E5M2);
  EXPECT_EQ(cast.getTargetDType(), DType::F8E5M2);
  EXPECT_EQ(cast.getRecipeOverflow(), recipe::Overflow::Ieee);
  EXPECT_EQ(cast.getResult().getType(), ckpt::ValueType::get(&context_, {5, 3}, DType::F8E5M2));
  ckpt::YieldOp::create(builder, loc, cast.getResult());
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
  EXPECT_EQ(family.getShape(), (llvm::ArrayRef<int64_t>{5, 3}));
}

} // namespace
} // namespace recast
