// Element types as checkpoints store them. An enum of our own, because bool, u8 and i8 are
// different things in every file format and must stay so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace recast {

/// Values are part of the artifact format: append only, never renumber.
enum class DType : uint8_t {
  Bool = 0,
  U8 = 1,
  I8 = 2,
  U16 = 3,
  I16 = 4,
  U32 = 5,
  I32 = 6,
  U64 = 7,
  I64 = 8,
  F16 = 9,
  BF16 = 10,
  F32 = 11,
  F64 = 12,
  F8E4M3FN = 13,
  F8E5M2 = 14,
  F8E8M0 = 15,
  F8E4M3FNUZ = 16,
  F8E5M2FNUZ = 17,
  F6E2M3 = 18,
  F6E3M2 = 19,
  F4E2M1 = 20,
  C64 = 21,
  C128 = 22,
  C32 = 23,
};
inline constexpr size_t kDTypeCount = 24;

struct DTypeInfo {
  DType type;
  std::string_view name;        ///< Recast's own spelling: `bf16`, `f8e4m3fn`.
  std::string_view torch;       ///< torch.<name>; empty where torch has no such dtype.
  std::string_view safetensors; ///< Spelling in a safetensors header; empty if it has none.
  unsigned bits;                ///< Bits of one element.
  bool isFloat;                 ///< A real floating-point type (not complex).
  bool isComplex = false;       ///< Two floating-point numbers: real and imaginary part.
};

std::span<const DTypeInfo> allDTypes();
const DTypeInfo &info(DType type);
inline std::string_view name(DType type) { return info(type).name; }
inline unsigned bitWidth(DType type) { return info(type).bits; }
/// Bytes of one element; 0 for packed types, of which a byte holds several or parts of several.
inline unsigned byteWidth(DType type) { return info(type).bits / 8; }
inline bool isPacked(DType type) { return byteWidth(type) == 0; }
/// What moves as one: an element, or a byte of packed ones. In bytes.
inline unsigned unitBytes(DType type) { return isPacked(type) ? 1 : byteWidth(type); }
/// `elements`, at most 2^60, in such units; of packed ones the last byte may be cut.
inline int64_t unitCount(DType type, int64_t elements) {
  return isPacked(type) ? elements * bitWidth(type) / 8 : elements;
}

/// By Recast's spelling; also accepts torch's (`bfloat16`) and the safetensors one (`BF16`).
std::optional<DType> parseDType(std::string_view text);
std::optional<DType> dtypeFromSafetensors(std::string_view text);
std::optional<DType> dtypeFromTorch(std::string_view text);
std::optional<DType> dtypeFromCode(uint8_t code);

} // namespace recast
