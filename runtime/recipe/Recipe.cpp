#include "runtime/recipe/Recipe.h"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace recast::recipe {

unsigned operandCount(Op op) {
  switch (op) {
  case Op::Load:
  case Op::Scalar:
    return 0;
  case Op::Cast:
  case Op::Store:
  case Op::Divide:
  case Op::SquareRoot:
    return 1;
  case Op::CheckEqual:
  case Op::Add:
  case Op::Subtract:
  case Op::Multiply:
  case Op::Quotient:
    return 2;
  }
  return 0;
}

bool isArithmetic(Op op) {
  switch (op) {
  case Op::Add:
  case Op::Subtract:
  case Op::Multiply:
  case Op::Quotient:
  case Op::Divide:
  case Op::SquareRoot:
    return true;
  case Op::Load:
  case Op::Scalar:
  case Op::Cast:
  case Op::Store:
  case Op::CheckEqual:
    return false;
  }
  return false;
}

namespace {
constexpr uint8_t kEncodingVersion = 1;

void putU16(std::vector<uint8_t> &bytes, size_t value) {
  bytes.push_back(static_cast<uint8_t>(value));
  bytes.push_back(static_cast<uint8_t>(value >> 8));
}

const Node *find(const Recipe &recipe, Op op, size_t slot) {
  for (const Node &node : recipe.nodes)
    if (node.op == op && node.slot == slot)
      return &node;
  return nullptr;
}

size_t slotCount(const Recipe &recipe, Op op) {
  size_t count = 0;
  for (const Node &node : recipe.nodes)
    if (node.op == op)
      count = std::max<size_t>(count, node.slot + size_t{1});
  return count;
}
} // namespace

size_t Recipe::inputCount() const {
  return std::max(slotCount(*this, Op::Load), slotCount(*this, Op::Scalar));
}
size_t Recipe::outputCount() const { return slotCount(*this, Op::Store); }
size_t Recipe::checkCount() const {
  return std::count_if(nodes.begin(), nodes.end(),
                       [](const Node &node) { return node.op == Op::CheckEqual; });
}
DType Recipe::inputType(size_t slot) const {
  const Node *load = find(*this, Op::Load, slot);
  return (load ? load : find(*this, Op::Scalar, slot))->type;
}
bool Recipe::isScalarInput(size_t slot) const { return find(*this, Op::Scalar, slot); }
DType Recipe::outputType(size_t slot) const { return find(*this, Op::Store, slot)->type; }

uint64_t Recipe::hash() const {
  std::vector<uint8_t> bytes;
  bytes.reserve(3 + 9 * nodes.size());
  bytes.push_back(kEncodingVersion);
  putU16(bytes, nodes.size());
  for (const Node &node : nodes) {
    bytes.push_back(static_cast<uint8_t>(node.op));
    bytes.push_back(static_cast<uint8_t>(node.type));
    bytes.push_back(static_cast<uint8_t>(node.overflow));
    putU16(bytes, node.a);
    putU16(bytes, node.b);
    putU16(bytes, node.slot);
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

Recipe copyRecipe(DType type) {
  return {{{.op = Op::Load, .type = type}, {.op = Op::Store, .type = type}}};
}

Recipe castRecipe(DType from, DType to, Overflow overflow) {
  return {{{.op = Op::Load, .type = from},
           {.op = Op::Cast, .type = to, .overflow = overflow},
           {.op = Op::Store, .type = to, .a = 1}}};
}

bool isCopy(const Recipe &recipe) {
  return recipe.nodes.size() == 2 && recipe.nodes[0].op == Op::Load &&
         recipe.nodes[1].op == Op::Store;
}

} // namespace recast::recipe
