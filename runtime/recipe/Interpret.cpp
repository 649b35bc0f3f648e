#include "runtime/recipe/CastLoops.h"
#include "runtime/recipe/Compare.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace recast::recipe {
namespace {
/// Elements per pass over the nodes: what one operation hands to the next stays in the L1 cache.
constexpr int64_t kBlock = 1024;
} // namespace

int64_t interpret(const Recipe &recipe, std::span<const std::byte *const> inputs,
                  std::span<std::byte *const> outputs, int64_t count) {
  const std::vector<Node> &nodes = recipe.nodes;
  const int64_t block = std::min(kBlock, count);
  size_t scratchBytes = 0;
  for (const Node &node : nodes)
    if (node.op == Op::Cast || node.op == Op::Scalar || isArithmetic(node.op))
      scratchBytes += static_cast<size_t>(block) * byteWidth(node.type);
  std::vector<std::byte> scratch(scratchBytes);

  std::array<const std::byte *, kMaxNodes> values;
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t size = std::min(block, count - begin);
    std::byte *free = scratch.data();
    int64_t failed = size;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const Node &node = nodes[i];
      const int64_t width = byteWidth(node.type);
      switch (node.op) {
      case Op::Load:
        values[i] = inputs[node.slot] + begin * width;
        break;
      case Op::Scalar:
        for (int64_t k = 0; k < size; ++k)
          std::memcpy(free + k * width, inputs[node.slot], static_cast<size_t>(width));
        values[i] = free;
        free += block * width;
        break;
      case Op::Cast:
        castLoop(nodes[node.a].type, node.type)(values[node.a], free, size, node.overflow);
        values[i] = free;
        free += block * width;
        break;
      case Op::Add:
      case Op::Subtract:
      case Op::Multiply:
      case Op::Quotient:
      case Op::Divide:
      case Op::SquareRoot:
        arithmeticLoop(node, values[node.a], values[node.b], free, size);
        values[i] = free;
        free += block * width;
        break;
      case Op::Store:
        std::memcpy(outputs[node.slot] + begin * width, values[node.a],
                    static_cast<size_t>(size * width));
        break;
      case Op::CheckEqual:
        if (int64_t at = firstDifference(values[node.a], values[node.b], node.type, size); at >= 0)
          failed = std::min(failed, at);
        break;
      }
    }
    if (failed != size)
      return begin + failed;
  }
  return -1;
}

} // namespace recast::recipe
