#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

namespace recast::ir::ckpt {

std::optional<DType> dtypeOf(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    if (integer.isSignless())
      return integer.getWidth() == 1 ? std::optional(DType::Bool) : std::nullopt;
    bool isSigned = integer.isSigned();
    switch (integer.getWidth()) {
    case 8:
      return isSigned ? DType::I8 : DType::U8;
    case 16:
      return isSigned ? DType::I16 : DType::U16;
    case 32:
      return isSigned ? DType::I32 : DType::U32;
    case 64:
      return isSigned ? DType::I64 : DType::U64;
    default:
      return std::nullopt;
    }
  }
  if (auto complex = dyn_cast<ComplexType>(type)) {
    if (complex.getElementType().isF16())
      return DType::C32;
    if (complex.getElementType().isF32())
      return DType::C64;
    if (complex.getElementType().isF64())
      return DType::C128;
    return std::nullopt;
  }
  return llvm::TypeSwitch<Type, std::optional<DType>>(type)
      .Case<Float16Type>([](Type) { return DType::F16; })
      .Case<BFloat16Type>([](Type) { return DType::BF16; })
      .Case<Float32Type>([](Type) { return DType::F32; })
      .Case<Float64Type>([](Type) { return DType::F64; })
      .Case<Float8E4M3FNType>([](Type) { return DType::F8E4M3FN; })
      .Case<Float8E5M2Type>([](Type) { return DType::F8E5M2; })
      .Case<Float8E8M0FNUType>([](Type) { return DType::F8E8M0; })
      .Case<Float8E4M3FNUZType>([](Type) { return DType::F8E4M3FNUZ; })
      .Case<Float8E5M2FNUZType>([](Type) { return DType::F8E5M2FNUZ; })
      .Case<Float6E2M3FNType>([](Type) { return DType::F6E2M3; })
      .Case<Float6E3M2FNType>([](Type) { return DType::F6E3M2; })
      .Case<Float4E2M1FNType>([](Type) { return DType::F4E2M1; })
      .Default([](Type) { return std::nullopt; });
}

Type typeOf(MLIRContext *context, DType dtype) {
  auto integer = [&](IntegerType::SignednessSemantics sign) {
    return IntegerType::get(context, bitWidth(dtype), sign);
  };
  switch (dtype) {
  case DType::Bool:
    return IntegerType::get(context, 1);
  case DType::U8:
  case DType::U16:
  case DType::U32:
  case DType::U64:
    return integer(IntegerType::Unsigned);
  case DType::I8:
  case DType::I16:
  case DType::I32:
  case DType::I64:
    return integer(IntegerType::Signed);
  case DType::F16:
    return Float16Type::get(context);
  case DType::BF16:
    return BFloat16Type::get(context);
  case DType::F32:
    return Float32Type::get(context);
  case DType::F64:
    return Float64Type::get(context);
  case DType::F8E4M3FN:
    return Float8E4M3FNType::get(context);
  case DType::F8E5M2:
    return Float8E5M2Type::get(context);
  case DType::F8E8M0:
    return Float8E8M0FNUType::get(context);
  case DType::F8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case DType::F8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case DType::F6E2M3:
    return Float6E2M3FNType::get(context);
  case DType::F6E3M2:
    return Float6E3M2FNType::get(context);
  case DType::F4E2M1:
    return Float4E2M1FNType::get(context);
  case DType::C32:
    return ComplexType::get(Float16Type::get(context));
  case DType::C64:
    return ComplexType::get(Float32Type::get(context));
  case DType::C128:
    return ComplexType::get(Float64Type::get(context));
  }
  llvm_unreachable("every DType is listed");
}

} // namespace recast::ir::ckpt
