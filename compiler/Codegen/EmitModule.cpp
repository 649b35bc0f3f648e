#include "compiler/Codegen/CastLowering.h"
#include "compiler/Codegen/Codegen.h"
#include "compiler/Codegen/FloatEnvironment.h"
#include "compiler/Codegen/RecipeBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <fmt/format.h>
#include <numeric>

using namespace mlir;

namespace recast::codegen {
namespace {
using recipe::Op;
using recipe::Recipe;

/// Builds the functions of one kernel.
class KernelEmitter {
public:
  KernelEmitter(ImplicitLocOpBuilder &builder, const Kernel &kernel, const Target &target)
      : b_(builder), kernel_(kernel), recipe_(kernel.recipe), target_(target) {}

  void run() {
    emitContiguous();
    emitBox();
  }

private:
  using Bases = std::vector<Value>; ///< Pointers, one per slot.
  /// Vectors per iteration; with two, f32 to bf16 on AVX2 runs at 0.83 of the rate (Ice Lake).
  static constexpr int64_t kUnroll = 4;

  Type pointer() { return LLVM::LLVMPointerType::get(b_.getContext()); }
  Value index(int64_t value) { return arith::ConstantIntOp::create(b_, b_.getI64Type(), value); }
  Value atLeastZero(Value value) { return arith::MaxSIOp::create(b_, value, index(0)); }
  Value roundedDown(Value value, int64_t powerOfTwo) {
    return arith::AndIOp::create(b_, value, index(-powerOfTwo));
  }

  /// A function with the given parameters, its body by `emit`, in the default environment if some
  /// node wants it.
  template <typename Emit> void function(StringRef name, ArrayRef<Type> parameters, Emit emit) {
    auto function = func::FuncOp::create(b_, name, b_.getFunctionType(parameters, {}));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(function.addEntryBlock());
    inputs_ = basePointers(function.getArgument(0), recipe_.inputCount());
    outputs_ = basePointers(function.getArgument(1), recipe_.outputCount());
    FloatEnvironment environment(b_, target_);
    bool entered = usesFloatUnit();
    if (entered)
      environment.enter();
    emit(function.getArguments());
    if (entered)
      environment.leave();
    func::ReturnOp::create(b_);
  }

  void emitContiguous() {
    function(kernel_.symbol, {pointer(), pointer(), b_.getI64Type()},
             [&](ValueRange arguments) { row(inputs_, outputs_, atLeastZero(arguments[2])); });
  }

  /// Rows and columns: contiguous columns row by row; a transpose in square blocks; else one by
  /// one.
  void emitBox() {
    Type i64 = b_.getI64Type();
    function(kernel_.symbol + std::string(kBoxSuffix), {pointer(), pointer(), i64, i64, pointer()},
             [&](ValueRange arguments) {
               Value rows = atLeastZero(arguments[2]), columns = atLeastZero(arguments[3]);
               readStrides(arguments[4]);
               Value contiguous = allEqual(/*inputColumns=*/true);
               ifElse(
                   contiguous,
                   [&] {
                     loop(index(0), rows, 1, [&](Value r) {
                       row(moved(inputs_, inputStrides_, r, index(0)),
                           moved(outputs_, outputStrides_, r, index(0)), columns);
                     });
                   },
                   [&] {
                     ifElse(
                         allEqual(/*inputColumns=*/false), [&] { transpose(rows, columns); },
                         [&] { oneByOne(index(0), rows, index(0), columns); });
                   });
             });
  }

  void transpose(Value rows, Value columns) {
    const int64_t side = blockSide();
    Value wholeRows = roundedDown(rows, side), wholeColumns = roundedDown(columns, side);
    loop(index(0), wholeRows, side,
         [&](Value r) { loop(index(0), wholeColumns, side, [&](Value c) { block(side, r, c); }); });
    oneByOne(index(0), wholeRows, wholeColumns, columns);
    oneByOne(wholeRows, rows, index(0), columns);
  }

  /// `side` runs of as many elements from every input become as many runs of every output.
  void block(int64_t side, Value r, Value c) {
    Lanes lanes(b_, side * side);
    std::vector<Value> loads;
    for (size_t slot = 0; slot < recipe_.inputCount(); ++slot) {
      if (recipe_.isScalarInput(slot)) {
        loads.push_back(loadScalar(lanes, recipe_, slot, inputs_[slot]));
        continue;
      }
      Type run = Lanes(b_, side).integers(bitWidth(recipe_.inputType(slot)));
      std::vector<Value> runs;
      for (int64_t j = 0; j < side; ++j) {
        Value column = arith::AddIOp::create(b_, c, index(j));
        runs.push_back(LLVM::LoadOp::create(
            b_, run, address(inputs_[slot], inputStrides_[slot], r, column), /*alignment=*/1));
      }
      loads.push_back(joined(std::move(runs)));
    }
    std::vector<Value> results = evaluate(lanes, recipe_, loads, target_);
    for (size_t slot = 0; slot < results.size(); ++slot) {
      std::vector<Value> runs = transposed(results[slot], side);
      for (int64_t i = 0; i < side; ++i) {
        Value at = arith::AddIOp::create(b_, r, index(i));
        LLVM::StoreOp::create(b_, runs[i], address(outputs_[slot], outputStrides_[slot], at, c),
                              /*alignment=*/1);
      }
    }
  }

  Value shuffle(Value a, Value b, ArrayRef<int64_t> mask) {
    return vector::ShuffleOp::create(b_, a, b, mask);
  }
  Value joined(std::vector<Value> parts) {
    while (parts.size() > 1) {
      std::vector<Value> pairs;
      for (size_t i = 0; i < parts.size(); i += 2) {
        SmallVector<int64_t> mask(2 * cast<VectorType>(parts[i].getType()).getNumElements());
        std::iota(mask.begin(), mask.end(), 0);
        pairs.push_back(shuffle(parts[i], parts[i + 1], mask));
      }
      parts = std::move(pairs);
    }
    return parts[0];
  }

  /// A square as one vector, row after row, to its columns. A round of interleaving turns the bits
  /// of (row, column) by one place; after all rounds they have changed sides.
  std::vector<Value> transposed(Value square, int64_t side) {
    std::vector<Value> runs;
    for (int64_t i = 0; i < side; ++i) {
      SmallVector<int64_t> mask(side);
      std::iota(mask.begin(), mask.end(), i * side);
      runs.push_back(shuffle(square, square, mask));
    }
    for (int64_t round = 1; round < side; round *= 2) {
      std::vector<Value> next;
      for (int64_t i = 0; i < side / 2; ++i)
        for (int64_t half : {int64_t{0}, side / 2}) {
          SmallVector<int64_t> mask;
          for (int64_t k = 0; k < side / 2; ++k)
            mask.append({half + k, side + half + k});
          next.push_back(shuffle(runs[i], runs[i + side / 2], mask));
        }
      runs = std::move(next);
    }
    return runs;
  }

  /// Side of the blocks of a transpose: they fit the registers of the target.
  int64_t blockSide() const {
    unsigned widest = widestElement();
    if (widest == 1)
      return 16;
    return widest > 4 || (widest == 4 && target_.vectorBytes == 16) ? 4 : 8;
  }

  void oneByOne(Value fromRow, Value toRow, Value fromColumn, Value toColumn) {
    loop(fromRow, toRow, 1, [&](Value r) {
      loop(fromColumn, toColumn, 1, [&](Value c) {
        Lanes lanes(b_, 1);
        emitBody(lanes, recipe_, moved(inputs_, inputStrides_, r, c),
                 moved(outputs_, outputStrides_, r, c), index(0), target_);
      });
    });
  }

  /// Byte strides of rows and columns, from the array of the caller.
  void readStrides(Value array) {
    int32_t next = 0;
    auto read = [&](std::vector<std::pair<Value, Value>> &strides, size_t slots) {
      auto one = [&]() -> Value {
        Value at = LLVM::GEPOp::create(b_, pointer(), b_.getI64Type(), array,
                                       ArrayRef<LLVM::GEPArg>{next++});
        return LLVM::LoadOp::create(b_, b_.getI64Type(), at);
      };
      strides.clear();
      for (size_t slot = 0; slot < slots; ++slot) {
        Value row = one();
        strides.emplace_back(row, one());
      }
    };
    read(inputStrides_, recipe_.inputCount());
    read(outputStrides_, recipe_.outputCount());
    for (size_t slot = 0; slot < inputStrides_.size(); ++slot)
      if (recipe_.isScalarInput(slot)) // It does not move.
        inputStrides_[slot] = {index(0), index(0)};
  }
  /// Whether outputs have contiguous columns, and inputs contiguous columns or rows.
  Value allEqual(bool inputColumns) {
    Value all = arith::ConstantIntOp::create(b_, b_.getI1Type(), 1);
    auto require = [&](Value stride, DType type) {
      Value equal =
          arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, stride, index(byteWidth(type)));
      all = arith::AndIOp::create(b_, all, equal);
    };
    for (size_t slot = 0; slot < inputs_.size(); ++slot)
      if (!recipe_.isScalarInput(slot))
        require(inputColumns ? inputStrides_[slot].second : inputStrides_[slot].first,
                recipe_.inputType(slot));
    for (size_t slot = 0; slot < outputs_.size(); ++slot)
      require(outputStrides_[slot].second, recipe_.outputType(slot));
    return all;
  }
  Value address(Value base, std::pair<Value, Value> strides, Value r, Value c) {
    Value offset = arith::AddIOp::create(b_, arith::MulIOp::create(b_, r, strides.first),
                                         arith::MulIOp::create(b_, c, strides.second));
    return LLVM::GEPOp::create(b_, pointer(), b_.getIntegerType(8), base,
                               ArrayRef<LLVM::GEPArg>{offset});
  }
  Bases moved(const Bases &bases, const std::vector<std::pair<Value, Value>> &strides, Value r,
              Value c) {
    Bases out;
    for (size_t slot = 0; slot < bases.size(); ++slot)
      out.push_back(address(bases[slot], strides[slot], r, c));
    return out;
  }

  Bases basePointers(Value array, size_t count) {
    Bases bases;
    for (size_t slot = 0; slot < count; ++slot) {
      Value at = LLVM::GEPOp::create(b_, pointer(), pointer(), array,
                                     ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(slot)});
      bases.push_back(LLVM::LoadOp::create(b_, pointer(), at));
    }
    return bases;
  }

  unsigned widestElement() const {
    unsigned widest = 1;
    for (const recipe::Node &node : recipe_.nodes)
      widest = std::max(widest, byteWidth(node.type));
    return widest;
  }

  /// One vector of the widest element: instruction selection stores the parts of a wider result
  /// from the last to the first, which costs bandwidth (widening casts on Ice Lake: 0.5x in the
  /// cache).
  int64_t lanesPerVector() const { return std::max(target_.vectorBytes / widestElement(), 1u); }

  bool usesFloatUnit() const {
    for (const recipe::Node &node : recipe_.nodes)
      if (recipe::isArithmetic(node.op) ||
          (node.op == Op::Cast &&
           castUsesFloatUnit(recipe_.nodes[node.a].type, node.type, target_)))
        return true;
    return false;
  }

  /// Calls `emit` with an insertion point inside.
  template <typename Emit> void at(OpBuilder &inner, Emit emit) {
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
    emit();
    scf::YieldOp::create(b_);
  }
  template <typename Emit> void loop(Value from, Value to, int64_t step, Emit emit) {
    scf::ForOp::create(
        b_, from, to, index(step), ValueRange{},
        [&](OpBuilder &inner, Location, Value i, ValueRange) { at(inner, [&] { emit(i); }); });
  }
  template <typename Then, typename Else> void ifElse(Value condition, Then then, Else otherwise) {
    scf::IfOp::create(
        b_, condition, [&](OpBuilder &inner, Location) { at(inner, then); },
        [&](OpBuilder &inner, Location) { at(inner, otherwise); });
  }

  /// `count` contiguous elements: some vectors at a time, then one by one.
  void row(const Bases &inputs, const Bases &outputs, Value count) {
    const int64_t lanes = lanesPerVector(), step = kUnroll * lanes;
    auto body = [&](int64_t lanes, Value i) {
      Lanes of(b_, lanes);
      emitBody(of, recipe_, inputs, outputs, i, target_);
    };
    Value whole = roundedDown(count, step);
    loop(index(0), whole, step, [&](Value i) {
      for (int64_t k = 0; k < kUnroll; ++k)
        body(lanes, arith::AddIOp::create(b_, i, index(k * lanes)));
    });
    loop(whole, count, 1, [&](Value i) { body(1, i); });
  }

  ImplicitLocOpBuilder &b_;
  const Kernel &kernel_;
  const Recipe &recipe_;
  const Target &target_;
  Bases inputs_, outputs_;
  std::vector<std::pair<Value, Value>> inputStrides_, outputStrides_; ///< Bytes: row, column.
};
} // namespace

Status checkKernels(std::span<const Kernel> kernels) {
  for (const Kernel &kernel : kernels) {
    if (Status status = verify(kernel.recipe); !status)
      return usage(fmt::format("kernel {}: {}", kernel.symbol, status.error().message()));
    if (kernel.recipe.checkCount() != 0)
      return fail(Error(Code::Usage, fmt::format("kernel {}: a kernel cannot check", kernel.symbol))
                      .hint("Compile the sides of the check and compare their results."));
  }
  return {};
}

Result<OwningOpRef<ModuleOp>> emitModule(MLIRContext &context, std::span<const Kernel> kernels,
                                         const Target &target) {
  RECAST_TRY(checkKernels(kernels));
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                      scf::SCFDialect, vector::VectorDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  ImplicitLocOpBuilder builder(module->getLoc(), &context);
  builder.setInsertionPointToEnd(module->getBody());
  for (const Kernel &kernel : kernels)
    KernelEmitter(builder, kernel, target).run();
  return module;
}

} // namespace recast::codegen
