#include "runtime/format/torch/write/LongBytes.h"

namespace recast::format::torch {
namespace {

/// Drops bytes that only repeat the sign of the byte below.
std::string shortest(std::string bytes) {
  while (!bytes.empty()) {
    auto top = static_cast<unsigned char>(bytes.back());
    bool belowNegative = bytes.size() > 1 && (bytes[bytes.size() - 2] & 0x80);
    if (!(top == 0x00 && !belowNegative) && !(top == 0xFF && belowNegative))
      break;
    bytes.pop_back();
  }
  return bytes;
}

} // namespace

std::string longFromInt(int64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  return shortest(std::move(bytes));
}

std::optional<std::string> longFromDecimal(std::string_view text) {
  bool negative = !text.empty() && text[0] == '-';
  text.remove_prefix(negative);
  if (text.empty() || text.size() > kMaxDecimalDigits)
    return std::nullopt;
  std::string bytes;
  for (char digit : text) {
    if (digit < '0' || digit > '9')
      return std::nullopt;
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (char &byte : bytes) {
      carry += static_cast<unsigned char>(byte) * 10u;
      byte = static_cast<char>(carry);
      carry >>= 8;
    }
    if (carry)
      bytes += static_cast<char>(carry);
  }
  bytes += '\0';
  if (negative) {
    unsigned carry = 1;
    for (char &byte : bytes) {
      carry += static_cast<unsigned char>(~byte);
      byte = static_cast<char>(carry);
      carry >>= 8;
    }
  }
  return shortest(std::move(bytes));
}

} // namespace recast::format::torch
