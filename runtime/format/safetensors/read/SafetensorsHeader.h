// The header of a safetensors file (https://github.com/huggingface/safetensors), with every check
// of the reference crate and stricter where it is soft: duplicate keys, unknown fields, sizes
// beyond 64 bits and more than kMaxRank dimensions are errors.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace recast::format::safetensors {

inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr size_t kMaxRank = 64; ///< What torch tensors can have.

struct HeaderTensor {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0; ///< Bytes `[begin, end)` after the header.
};

struct Header {
  std::vector<HeaderTensor> tensors; ///< In the order of their bytes.
  std::map<std::string, std::string> metadata;
};

/// Bytes of the header, from the first 8 of a file of `fileSize` bytes.
Result<uint64_t> headerLength(std::string_view first8, uint64_t fileSize);
/// `json`: the header's bytes; `dataBytes`: what the file holds after it. Tensors cover that range
/// exactly once, in order, without holes.
Result<Header> parseHeader(std::string_view json, uint64_t dataBytes);

} // namespace recast::format::safetensors
