#include "compiler/Codegen/CastLowering.h"
#include "compiler/Codegen/Codegen.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <fmt/format.h>

using namespace mlir;

namespace recast::codegen {
namespace {
using recipe::Op;
using recipe::Recipe;

/// Builds one kernel function.
class KernelEmitter {
public:
  KernelEmitter(ImplicitLocOpBuilder &builder, const Kernel &kernel, const Target &target)
      : b_(builder), kernel_(kernel), recipe_(kernel.recipe), target_(target) {}

  void run() {
    Type pointer = LLVM::LLVMPointerType::get(b_.getContext());
    Type i64 = b_.getI64Type();
    auto function =
        func::FuncOp::create(b_, kernel_.symbol, b_.getFunctionType({pointer, pointer, i64}, {}));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(function.addEntryBlock());
    inputs_ = basePointers(function.getArgument(0), recipe_.inputCount());
    outputs_ = basePointers(function.getArgument(1), recipe_.outputCount());

    Value zero = index(0);
    Value count = arith::MaxSIOp::create(b_, function.getArgument(2), zero);
    const int64_t step = lanesPerStep();
    Value saved = usesFloatUnit() ? enterDefaultEnvironment() : Value();
    Value whole = arith::AndIOp::create(b_, count, index(-step));
    loop(zero, whole, step);
    loop(whole, count, 1);
    if (saved)
      controlWord("ldmxcsr", saved);
    func::ReturnOp::create(b_);
  }

private:
  Value index(int64_t value) { return arith::ConstantIntOp::create(b_, b_.getI64Type(), value); }

  std::vector<Value> basePointers(Value array, size_t count) {
    Type pointer = LLVM::LLVMPointerType::get(b_.getContext());
    std::vector<Value> bases;
    for (size_t slot = 0; slot < count; ++slot) {
      Value at = LLVM::GEPOp::create(b_, pointer, pointer, array,
                                     ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(slot)});
      bases.push_back(LLVM::LoadOp::create(b_, pointer, at));
    }
    return bases;
  }

  /// Two vectors of the widest element. With four, instruction selection stores the parts of a
  /// split result from the last to the first, which costs memory bandwidth (f32 to f16 on AVX2:
  /// 0.6x).
  int64_t lanesPerStep() const {
    unsigned widest = 1;
    for (const recipe::Node &node : recipe_.nodes)
      widest = std::max(widest, byteWidth(node.type));
    return std::max(2 * target_.vectorBytes / widest, 1u);
  }

  bool usesFloatUnit() const {
    for (const recipe::Node &node : recipe_.nodes)
      if (node.op == Op::Cast && castUsesFloatUnit(recipe_.nodes[node.a].type, node.type, target_))
        return true;
    return false;
  }

  /// Sets MXCSR to the state that processes start in; returns where the old one is kept.
  Value enterDefaultEnvironment() {
    constexpr int64_t kDefault = 0x1f80; // Nearest, nothing flushed, every exception masked.
    Type pointer = LLVM::LLVMPointerType::get(b_.getContext());
    auto word = [&](int64_t value) {
      return arith::ConstantIntOp::create(b_, b_.getI32Type(), value);
    };
    Value saved = LLVM::AllocaOp::create(b_, pointer, b_.getI32Type(), word(1));
    Value fresh = LLVM::AllocaOp::create(b_, pointer, b_.getI32Type(), word(1));
    LLVM::StoreOp::create(b_, word(kDefault), fresh);
    controlWord("stmxcsr", saved);
    controlWord("ldmxcsr", fresh);
    return saved;
  }

  /// As inline assembly, because it clobbers memory: every conversion stands between the load of
  /// its operand and the store of its result, and neither may pass.
  void controlWord(StringRef instruction, Value address) {
    auto none = LLVM::TailCallKindAttr::get(b_.getContext(), LLVM::TailCallKind::None);
    LLVM::InlineAsmOp::create(b_, TypeRange(), ValueRange(address),
                              b_.getStringAttr(instruction + " ($0)"),
                              b_.getStringAttr("r,~{memory}"), b_.getUnitAttr(), UnitAttr(), none,
                              LLVM::AsmDialectAttr(), ArrayAttr());
  }

  void loop(Value from, Value to, int64_t step) {
    scf::ForOp::create(b_, from, to, index(step), ValueRange{},
                       [&](OpBuilder &inner, Location loc, Value at, ValueRange) {
                         OpBuilder::InsertionGuard guard(b_);
                         b_.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
                         Lanes lanes(b_, step);
                         body(lanes, at);
                         scf::YieldOp::create(b_);
                       });
  }

  void body(Lanes &lanes, Value at) {
    std::vector<Value> values(recipe_.nodes.size());
    for (size_t i = 0; i < recipe_.nodes.size(); ++i) {
      const recipe::Node &node = recipe_.nodes[i];
      switch (node.op) {
      case Op::Load:
        values[i] = LLVM::LoadOp::create(b_, lanes.integers(bitWidth(node.type)),
                                         element(inputs_[node.slot], node.type, at),
                                         /*alignment=*/1);
        break;
      case Op::Cast:
        values[i] = emitCast(lanes, values[node.a], recipe_.nodes[node.a].type, node.type,
                             node.overflow, target_);
        break;
      case Op::Store:
        LLVM::StoreOp::create(b_, values[node.a], element(outputs_[node.slot], node.type, at),
                              /*alignment=*/1);
        break;
      case Op::CheckEqual:
        llvm_unreachable("refused before");
      }
    }
  }

  Value element(Value base, DType type, Value at) {
    return LLVM::GEPOp::create(b_, base.getType(), b_.getIntegerType(bitWidth(type)), base,
                               ArrayRef<LLVM::GEPArg>{at});
  }

  ImplicitLocOpBuilder &b_;
  const Kernel &kernel_;
  const Recipe &recipe_;
  const Target &target_;
  std::vector<Value> inputs_, outputs_;
};
} // namespace

Result<OwningOpRef<ModuleOp>> emitModule(MLIRContext &context, std::span<const Kernel> kernels,
                                         const Target &target) {
  for (const Kernel &kernel : kernels) {
    if (Status status = verify(kernel.recipe); !status)
      return usage(fmt::format("kernel {}: {}", kernel.symbol, status.error().message()));
    if (kernel.recipe.checkCount() != 0)
      return fail(Error(Code::Usage, fmt::format("kernel {}: a kernel cannot check", kernel.symbol))
                      .hint("Compile the sides of the check and compare their results."));
  }
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, scf::SCFDialect,
                      vector::VectorDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  ImplicitLocOpBuilder builder(module->getLoc(), &context);
  builder.setInsertionPointToEnd(module->getBody());
  for (const Kernel &kernel : kernels)
    KernelEmitter(builder, kernel, target).run();
  return module;
}

} // namespace recast::codegen
