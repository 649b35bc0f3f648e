// The state of the floating-point unit around a kernel that uses it.
#pragma once

#include "compiler/Codegen/Target.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace recast::codegen {

/// Emits, at the builder's place, what sets the unit to the state that processes start in (nearest,
/// nothing flushed, no exception trapped), and what restores the caller's.
class FloatEnvironment {
public:
  FloatEnvironment(mlir::ImplicitLocOpBuilder &builder, const Target &target)
      : b_(builder), isX86_(target.triple.starts_with("x86_64")) {}

  void enter();
  void leave();

private:
  mlir::Value controlWord(llvm::StringRef instruction, llvm::StringRef constraints,
                          mlir::ValueRange operands, mlir::TypeRange results = {});

  mlir::ImplicitLocOpBuilder &b_;
  bool isX86_;
  mlir::Value saved_; ///< The old state, or where it is kept.
};

} // namespace recast::codegen
