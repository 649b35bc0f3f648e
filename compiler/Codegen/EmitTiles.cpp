// GPU kernels: one launch over a table of tiles. Written as a function of (tiles, block, thread,
// threads), so that the same IR runs on a CPU, thread by thread, in the tests; on the GPU an entry
// point around it reads the special registers.
#include "compiler/Codegen/Ptx.h"
#include "compiler/Codegen/RecipeBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <fmt/format.h>

using namespace mlir;

namespace recast::codegen {
namespace {
using recipe::Recipe;

/// Widest access of a GPU's memory, in bytes.
constexpr unsigned kAccessBytes = 16;

class TileEmitter {
public:
  TileEmitter(ImplicitLocOpBuilder &builder, const Kernel &kernel, const Target &target)
      : b_(builder), kernel_(kernel), recipe_(kernel.recipe), target_(target) {}

  /// void symbol_tile(tiles, block, thread, threads): the share of one thread.
  void run() {
    Type pointer = LLVM::LLVMPointerType::get(b_.getContext()), i64 = b_.getI64Type();
    auto function = func::FuncOp::create(b_, kernel_.symbol + std::string(kTileSuffix),
                                         b_.getFunctionType({pointer, i64, i64, i64}, {}));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(function.addEntryBlock());
    Value block = function.getArgument(1), thread = function.getArgument(2),
          threads = function.getArgument(3);
    const size_t inputs = recipe_.inputCount(), outputs = recipe_.outputCount();
    // A tile: pointers of inputs, pointers of outputs, count; 8 bytes each.
    Value tile = gep(i64, function.getArgument(0),
                     mul(block, index(static_cast<int64_t>(inputs + outputs + 1))));
    std::vector<Value> pointers;
    for (size_t slot = 0; slot < inputs + outputs; ++slot)
      pointers.push_back(
          LLVM::LoadOp::create(b_, pointer, gep(i64, tile, index(static_cast<int64_t>(slot)))));
    Value count = LLVM::LoadOp::create(
        b_, i64, gep(i64, tile, index(static_cast<int64_t>(inputs + outputs))));
    const std::vector<Value> in(pointers.begin(), pointers.begin() + static_cast<long>(inputs)),
        out(pointers.begin() + static_cast<long>(inputs), pointers.end());

    const int64_t step = lanesPerStep();
    // Whole vectors need addresses that are multiples of their size; slots of the runtime are.
    Value whole =
        arith::SelectOp::create(b_, aligned(pointers), roundedDown(count, step), index(0));
    loop(mul(thread, index(step)), whole, mul(threads, index(step)), [&](Value i) {
      Lanes lanes(b_, step);
      emitBody(lanes, recipe_, in, out, i, target_, kAccessBytes);
    });
    loop(add(whole, thread), count, threads, [&](Value i) {
      Lanes lanes(b_, 1);
      emitBody(lanes, recipe_, in, out, i, target_);
    });
    func::ReturnOp::create(b_);
  }

private:
  Value index(int64_t value) { return arith::ConstantIntOp::create(b_, b_.getI64Type(), value); }
  Value add(Value a, Value b) { return arith::AddIOp::create(b_, a, b); }
  Value mul(Value a, Value b) { return arith::MulIOp::create(b_, a, b); }
  Value roundedDown(Value value, int64_t powerOfTwo) {
    return arith::AndIOp::create(b_, value, index(-powerOfTwo));
  }
  Value gep(Type element, Value base, Value at) {
    return LLVM::GEPOp::create(b_, base.getType(), element, base, ArrayRef<LLVM::GEPArg>{at});
  }

  Value aligned(const std::vector<Value> &pointers) {
    Value bits = index(0);
    for (size_t slot = 0; slot < pointers.size(); ++slot)
      if (slot >= recipe_.inputCount() || !recipe_.isScalarInput(slot))
        bits = arith::OrIOp::create(b_, bits,
                                    LLVM::PtrToIntOp::create(b_, b_.getI64Type(), pointers[slot]));
    Value low = arith::AndIOp::create(b_, bits, index(kAccessBytes - 1));
    return arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, low, index(0));
  }

  /// One full access of the narrowest operand; wider ones take several.
  int64_t lanesPerStep() const {
    unsigned narrowest = kAccessBytes;
    for (size_t slot = 0; slot < recipe_.inputCount(); ++slot)
      if (!recipe_.isScalarInput(slot))
        narrowest = std::min(narrowest, byteWidth(recipe_.inputType(slot)));
    for (size_t slot = 0; slot < recipe_.outputCount(); ++slot)
      narrowest = std::min(narrowest, byteWidth(recipe_.outputType(slot)));
    return kAccessBytes / narrowest;
  }

  template <typename Emit> void loop(Value from, Value to, Value step, Emit emit) {
    scf::ForOp::create(b_, from, to, step, ValueRange{},
                       [&](OpBuilder &inner, Location, Value i, ValueRange) {
                         OpBuilder::InsertionGuard guard(b_);
                         b_.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
                         emit(i);
                         scf::YieldOp::create(b_);
                       });
  }

  ImplicitLocOpBuilder &b_;
  const Kernel &kernel_;
  const Recipe &recipe_;
  const Target &target_;
};

/// The entry point: blockIdx.x, threadIdx.x and blockDim.x around the function above.
void emitEntry(ImplicitLocOpBuilder &b, const Kernel &kernel) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer});
  auto entry = LLVM::LLVMFuncOp::create(b, kernel.symbol, type);
  entry.setCConv(LLVM::cconv::CConv::PTX_Kernel);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(entry.addEntryBlock(b));
  auto read = [&](StringRef name) -> Value {
    auto call =
        LLVM::CallIntrinsicOp::create(b, b.getI32Type(), b.getStringAttr(name), ValueRange{});
    return arith::ExtUIOp::create(b, i64, call.getResult(0));
  };
  Value block = read("llvm.nvvm.read.ptx.sreg.ctaid.x"),
        thread = read("llvm.nvvm.read.ptx.sreg.tid.x"),
        threads = read("llvm.nvvm.read.ptx.sreg.ntid.x");
  func::CallOp::create(b, kernel.symbol + std::string(kTileSuffix), TypeRange(),
                       ValueRange{entry.getArgument(0), block, thread, threads});
  LLVM::ReturnOp::create(b, ValueRange());
}
} // namespace

Result<OwningOpRef<ModuleOp>> emitTiles(MLIRContext &context, std::span<const Kernel> kernels,
                                        const Target &target) {
  RECAST_TRY(checkKernels(kernels));
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                      scf::SCFDialect, vector::VectorDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  ImplicitLocOpBuilder builder(module->getLoc(), &context);
  builder.setInsertionPointToEnd(module->getBody());
  for (const Kernel &kernel : kernels) {
    TileEmitter(builder, kernel, target).run();
    if (target.isGpu())
      emitEntry(builder, kernel);
  }
  return module;
}

} // namespace recast::codegen
