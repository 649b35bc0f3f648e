#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <array>

namespace recast::recipe {
namespace {

/// Copies what a root needs, operands first and equal nodes once, so that the result depends only
/// on what is computed and not on where in the recipe it stood.
class Slicer {
public:
  Slicer(const Recipe &recipe, std::vector<uint16_t> &inputs) : recipe_(recipe), inputs_(inputs) {
    inputs_.clear();
    placed_.fill(kMaxNodes);
  }

  /// Index of the copy of value `old`. Operands precede their uses, so the depth is bounded.
  uint16_t value(uint16_t old) {
    if (placed_[old] != kMaxNodes)
      return placed_[old];
    Node node = recipe_.nodes[old];
    if (node.op == Op::Load || node.op == Op::Scalar)
      node.slot = input(node.slot);
    if (operandCount(node.op) > 0)
      node.a = value(node.a);
    if (operandCount(node.op) > 1)
      node.b = value(node.b);
    auto &nodes = slice_.nodes;
    auto found = std::find(nodes.begin(), nodes.end(), node);
    placed_[old] = static_cast<uint16_t>(found - nodes.begin());
    if (found == nodes.end())
      nodes.push_back(node);
    return placed_[old];
  }

  Recipe finish(const Node &root) && {
    slice_.nodes.push_back(root);
    return std::move(slice_);
  }

private:
  uint16_t input(uint16_t old) {
    auto found = std::find(inputs_.begin(), inputs_.end(), old);
    auto slot = static_cast<uint16_t>(found - inputs_.begin());
    if (found == inputs_.end())
      inputs_.push_back(old);
    return slot;
  }

  const Recipe &recipe_;
  std::vector<uint16_t> &inputs_;
  Recipe slice_;
  std::array<uint16_t, kMaxNodes> placed_;
};

const Node *findCheck(const Recipe &recipe, size_t check) {
  for (const Node &node : recipe.nodes)
    if (node.op == Op::CheckEqual && check-- == 0)
      return &node;
  return nullptr;
}
} // namespace

Recipe sliceForOutput(const Recipe &recipe, size_t slot, std::vector<uint16_t> &inputs) {
  Slicer slicer(recipe, inputs);
  for (const Node &node : recipe.nodes)
    if (node.op == Op::Store && node.slot == slot) {
      uint16_t a = slicer.value(node.a);
      return std::move(slicer).finish({.op = Op::Store, .type = node.type, .a = a});
    }
  return {};
}

Recipe sliceForCheck(const Recipe &recipe, size_t check, std::vector<uint16_t> &inputs) {
  Slicer slicer(recipe, inputs);
  const Node *node = findCheck(recipe, check);
  if (!node)
    return {};
  uint16_t a = slicer.value(node->a), b = slicer.value(node->b);
  return std::move(slicer).finish({.op = Op::CheckEqual, .type = node->type, .a = a, .b = b});
}

Recipe sliceForCheckSide(const Recipe &recipe, size_t check, unsigned side,
                         std::vector<uint16_t> &inputs) {
  Slicer slicer(recipe, inputs);
  const Node *node = findCheck(recipe, check);
  if (!node)
    return {};
  uint16_t a = slicer.value(side == 0 ? node->a : node->b);
  return std::move(slicer).finish({.op = Op::Store, .type = node->type, .a = a});
}

std::vector<Recipe> kernelSlices(const Recipe &recipe) {
  std::vector<Recipe> out;
  auto add = [&out](Recipe slice) {
    if (!isCopy(slice) && std::find(out.begin(), out.end(), slice) == out.end())
      out.push_back(std::move(slice));
  };
  std::vector<uint16_t> inputs;
  for (size_t slot = 0; slot < recipe.outputCount(); ++slot)
    add(sliceForOutput(recipe, slot, inputs));
  for (size_t check = 0; check < recipe.checkCount(); ++check)
    for (unsigned side : {0u, 1u})
      add(sliceForCheckSide(recipe, check, side, inputs));
  return out;
}

} // namespace recast::recipe
