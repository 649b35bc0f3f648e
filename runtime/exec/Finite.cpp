#include "runtime/exec/Finite.h"

#include "runtime/base/Clones.h"
#include "runtime/recipe/FloatFormat.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace recast::exec {
namespace {

using recipe::Node;
using recipe::Op;

/// As many as stay in the first cache between the pass that looks and the one that finds.
constexpr int64_t kBlock = 2048;

/// Whether a magnitude is at least `least`, in a loop that becomes vectors: the sum carries into
/// the sign's place.
template <typename T>
[[gnu::always_inline]] inline bool anyOf(const std::byte *values, int64_t count, uint64_t mask,
                                         uint64_t least) {
  const auto magnitude = static_cast<T>(mask), add = static_cast<T>(mask + 1 - least);
  T seen = 0;
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, values + i * int64_t{sizeof(T)}, sizeof(T));
    seen = static_cast<T>(seen | static_cast<T>((value & magnitude) + add));
  }
  return (seen & static_cast<T>(mask + 1)) != 0;
}

RECAST_CLONES bool anyFrom(const std::byte *values, int64_t count, unsigned width, uint64_t mask,
                           uint64_t least) {
  switch (width) {
  case 1:
    return anyOf<uint8_t>(values, count, mask, least);
  case 2:
    return anyOf<uint16_t>(values, count, mask, least);
  case 4:
    return anyOf<uint32_t>(values, count, mask, least);
  default:
    return anyOf<uint64_t>(values, count, mask, least);
  }
}

double valueOf(const std::byte *little, DType type) {
  uint64_t bits = 0;
  std::memcpy(&bits, little, byteWidth(type));
  return std::bit_cast<double>(
      type == DType::F64 ? bits : recipe::castBits(bits, type, DType::F64, recipe::Overflow::Ieee));
}

} // namespace

FiniteCheck::FiniteCheck(const recipe::Recipe &slice) {
  const recipe::FloatFormat *format = recipe::floatFormat(slice.outputType(0));
  // The first value that leaves the arithmetic, or, if none does, the last in it.
  size_t at = 0;
  for (size_t i = 0; i < slice.nodes.size(); ++i) {
    const Node &node = slice.nodes[i];
    if (recipe::isArithmetic(node.op))
      at = i;
    if (node.op == Op::Cast && recipe::isArithmetic(slice.nodes[node.a].op)) {
      // A cast that hides infinities says nothing of what it was given.
      at = node.overflow == recipe::Overflow::Saturate ? node.a : i;
      break;
    }
  }
  if (at == 0 || !format)
    return;
  recipe::Recipe value;
  value.nodes.assign(slice.nodes.begin(), slice.nodes.begin() + static_cast<ptrdiff_t>(at) + 1);
  value.nodes.push_back(
      {.op = Op::Store, .type = slice.nodes[at].type, .a = static_cast<uint16_t>(at)});
  value_ = recipe::sliceForOutput(value, 0, inputs_);
  width_ = byteWidth(format->type);
  mask_ = format->magnitudeMask();
  least_ = format->maxFinite() + 1;
  // What a cast makes of infinity where it saturates, and the casts behind it of that.
  std::optional<uint64_t> hidden;
  for (size_t i = at + 1; i < slice.nodes.size(); ++i) {
    const Node &node = slice.nodes[i];
    if (node.op != Op::Cast)
      continue;
    if (node.overflow == recipe::Overflow::Saturate)
      hidden = recipe::floatFormat(node.type)->maxFinite();
    else if (hidden)
      hidden = recipe::castBits(*hidden, slice.nodes[node.a].type, node.type, node.overflow);
  }
  if (hidden)
    least_ = std::min(least_, *hidden);
}

int64_t FiniteCheck::suspect(const std::byte *out, int64_t from, int64_t count) const {
  for (int64_t begin = from; begin < count; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, count);
    if (!anyFrom(out + begin * width_, end - begin, width_, mask_, least_))
      continue;
    for (int64_t i = begin; i < end; ++i)
      if (anyFrom(out + i * width_, 1, width_, mask_, least_))
        return i;
  }
  return count;
}

std::optional<std::string> FiniteCheck::lost(std::span<const std::byte *const> inputs) const {
  const std::byte *in[recipe::kMaxNodes];
  for (size_t i = 0; i < inputs_.size(); ++i) {
    in[i] = inputs[inputs_[i]];
    if (!std::isfinite(valueOf(in[i], value_.inputType(i))))
      return std::nullopt;
  }
  std::byte result[sizeof(uint64_t)];
  std::byte *out = result;
  recipe::interpret(value_, {in, inputs_.size()}, {&out, 1}, 1);
  const double value = valueOf(result, value_.outputType(0));
  if (std::isfinite(value))
    return std::nullopt;
  return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

} // namespace recast::exec
