#include "runtime/base/DType.h"

namespace recast {
namespace {
constexpr DTypeInfo kTypes[kDTypeCount] = {
    {DType::Bool, "bool", "bool", "BOOL", 8, false},
    {DType::U8, "u8", "uint8", "U8", 8, false},
    {DType::I8, "i8", "int8", "I8", 8, false},
    {DType::U16, "u16", "uint16", "U16", 16, false},
    {DType::I16, "i16", "int16", "I16", 16, false},
    {DType::U32, "u32", "uint32", "U32", 32, false},
    {DType::I32, "i32", "int32", "I32", 32, false},
    {DType::U64, "u64", "uint64", "U64", 64, false},
    {DType::I64, "i64", "int64", "I64", 64, false},
    {DType::F16, "f16", "float16", "F16", 16, true},
    {DType::BF16, "bf16", "bfloat16", "BF16", 16, true},
    {DType::F32, "f32", "float32", "F32", 32, true},
    {DType::F64, "f64", "float64", "F64", 64, true},
    {DType::F8E4M3FN, "f8e4m3fn", "float8_e4m3fn", "F8_E4M3", 8, true},
    {DType::F8E5M2, "f8e5m2", "float8_e5m2", "F8_E5M2", 8, true},
    {DType::F8E8M0, "f8e8m0", "float8_e8m0fnu", "F8_E8M0", 8, true},
    {DType::F8E4M3FNUZ, "f8e4m3fnuz", "float8_e4m3fnuz", "F8_E4M3FNUZ", 8, true},
    {DType::F8E5M2FNUZ, "f8e5m2fnuz", "float8_e5m2fnuz", "F8_E5M2FNUZ", 8, true},
    {DType::F6E2M3, "f6e2m3", "", "F6_E2M3", 6, true},
    {DType::F6E3M2, "f6e3m2", "", "F6_E3M2", 6, true},
    {DType::F4E2M1, "f4e2m1", "float4_e2m1fn_x2", "F4", 4, true},
    {DType::C64, "c64", "complex64", "C64", 64, false, true},
    {DType::C128, "c128", "complex128", "", 128, false, true},
    {DType::C32, "c32", "complex32", "", 32, false, true},
};

template <typename Field> std::optional<DType> find(std::string_view text, Field field) {
  if (text.empty())
    return std::nullopt;
  for (const DTypeInfo &type : kTypes)
    if (type.*field == text)
      return type.type;
  return std::nullopt;
}
} // namespace

std::span<const DTypeInfo> allDTypes() { return kTypes; }
const DTypeInfo &info(DType type) { return kTypes[static_cast<size_t>(type)]; }

std::optional<DType> dtypeFromSafetensors(std::string_view text) {
  return find(text, &DTypeInfo::safetensors);
}
std::optional<DType> dtypeFromTorch(std::string_view text) { return find(text, &DTypeInfo::torch); }

std::optional<DType> parseDType(std::string_view text) {
  if (auto type = find(text, &DTypeInfo::name))
    return type;
  if (auto type = dtypeFromTorch(text))
    return type;
  if (auto type = dtypeFromSafetensors(text))
    return type;
  // Spellings people type.
  if (text == "fp32")
    return DType::F32;
  if (text == "fp16" || text == "half")
    return DType::F16;
  return std::nullopt;
}

std::optional<DType> dtypeFromCode(uint8_t code) {
  if (code >= kDTypeCount)
    return std::nullopt;
  return static_cast<DType>(code);
}

} // namespace recast
