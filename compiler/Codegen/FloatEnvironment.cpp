#include "compiler/Codegen/FloatEnvironment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace recast::codegen {

void FloatEnvironment::enter() {
  if (!isX86_) {
    saved_ = controlWord("mrs $0, fpcr", "=r,~{memory}", ValueRange(), b_.getI64Type());
    Value zero = arith::ConstantIntOp::create(b_, b_.getI64Type(), 0);
    controlWord("msr fpcr, $0", "r,~{memory}", zero);
    return;
  }
  constexpr int64_t kDefault = 0x1f80; // Of MXCSR.
  Type pointer = LLVM::LLVMPointerType::get(b_.getContext());
  auto word = [&](int64_t value) {
    return arith::ConstantIntOp::create(b_, b_.getI32Type(), value);
  };
  saved_ = LLVM::AllocaOp::create(b_, pointer, b_.getI32Type(), word(1));
  Value fresh = LLVM::AllocaOp::create(b_, pointer, b_.getI32Type(), word(1));
  LLVM::StoreOp::create(b_, word(kDefault), fresh);
  controlWord("stmxcsr ($0)", "r,~{memory}", saved_);
  controlWord("ldmxcsr ($0)", "r,~{memory}", fresh);
}

void FloatEnvironment::leave() {
  controlWord(isX86_ ? "ldmxcsr ($0)" : "msr fpcr, $0", "r,~{memory}", saved_);
}

/// As inline assembly, because it clobbers memory: all arithmetic stands between the load of its
/// operands and the store of its result, and neither may pass.
Value FloatEnvironment::controlWord(StringRef instruction, StringRef constraints,
                                    ValueRange operands, TypeRange results) {
  auto none = LLVM::TailCallKindAttr::get(b_.getContext(), LLVM::TailCallKind::None);
  auto line = LLVM::InlineAsmOp::create(b_, results, operands, b_.getStringAttr(instruction),
                                        b_.getStringAttr(constraints), b_.getUnitAttr(), UnitAttr(),
                                        none, LLVM::AsmDialectAttr(), ArrayAttr());
  return results.empty() ? Value() : line.getResult(0);
}

} // namespace recast::codegen
