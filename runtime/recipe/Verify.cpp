#include "runtime/recipe/Recipe.h"

#include <array>
#include <fmt/format.h>
#include <optional>

namespace recast::recipe {
namespace {

bool producesValue(Op op) { return op != Op::Store && op != Op::CheckEqual; }

class Verifier {
public:
  explicit Verifier(const Recipe &recipe) : nodes_(recipe.nodes) {}

  Status run() {
    if (nodes_.empty())
      return badInput("recipe: it has no nodes");
    if (nodes_.size() > kMaxNodes)
      return badInput(
          fmt::format("recipe: {} nodes, more than the {} allowed", nodes_.size(), kMaxNodes));
    for (index_ = 0; index_ < nodes_.size(); ++index_)
      RECAST_TRY(node(nodes_[index_]));
    for (size_t i = 0; i < nodes_.size(); ++i)
      if (producesValue(nodes_[i].op) && !used_[i])
        return badInput(fmt::format("recipe node %{}: its value is not used", i));
    RECAST_TRY(dense(inputs_, "input"));
    RECAST_TRY(dense(outputs_, "output"));
    if (!hasEffect_)
      return badInput("recipe: it stores nothing and checks nothing");
    return {};
  }

private:
  tl::unexpected<Error> wrong(std::string_view what) const {
    return badInput(fmt::format("recipe node %{}: {}", index_, what));
  }

  Status node(const Node &node) {
    if (!dtypeFromCode(static_cast<uint8_t>(node.type)))
      return wrong(fmt::format("unknown dtype code {}", static_cast<unsigned>(node.type)));
    switch (node.op) {
    case Op::Load:
    case Op::Scalar:
      return load(node);
    case Op::Cast:
      return cast(node);
    case Op::Store:
      return store(node);
    case Op::CheckEqual:
      return check(node);
    case Op::Add:
    case Op::Subtract:
    case Op::Multiply:
    case Op::Quotient:
    case Op::Divide:
    case Op::SquareRoot:
      return arithmetic(node);
    }
    return wrong(fmt::format("unknown operation code {}", static_cast<unsigned>(node.op)));
  }

  Status load(const Node &node) {
    RECAST_TRY(unused(node.a, "operand a"));
    RECAST_TRY(unused(node.b, "operand b"));
    RECAST_TRY(noOverflow(node));
    if (node.slot >= kMaxNodes)
      return wrong(fmt::format("input slot {} is out of range", node.slot));
    std::optional<DType> &known = inputs_[node.slot];
    if (known && *known != node.type)
      return wrong(fmt::format("input {} is loaded as {} and as {}", node.slot, name(*known),
                               name(node.type)));
    if (node.op == Op::Scalar && isPacked(node.type))
      return wrong(fmt::format("no single element of {} is whole bytes", name(node.type)));
    bool isScalar = node.op == Op::Scalar;
    if (known && scalars_[node.slot] != isScalar)
      return wrong(fmt::format("input {} is loaded by element and as a scalar", node.slot));
    scalars_[node.slot] = isScalar;
    known = node.type;
    return {};
  }

  Status cast(const Node &node) {
    RECAST_TRY(operand(node.a));
    RECAST_TRY(unused(node.b, "operand b"));
    RECAST_TRY(unused(node.slot, "slot"));
    DType from = nodes_[node.a].type;
    if (from == node.type)
      return wrong(fmt::format("a cast from {} to itself; use %{}", name(from), node.a));
    if (!castSupported(from, node.type))
      return wrong(fmt::format("no cast from {} to {}", name(from), name(node.type)));
    if (!overflowAllowed(node.type, node.overflow)) {
      Error error(Code::BadInput,
                  fmt::format("recipe node %{}: overflow rule {} does not fit {}", index_,
                              static_cast<unsigned>(node.overflow), name(node.type)));
      return fail(node.type == DType::F8E4M3FN
                      ? std::move(error).hint("f8e4m3fn has no infinity: say saturate or nan.")
                      : std::move(error));
    }
    return {};
  }

  Status store(const Node &node) {
    RECAST_TRY(operand(node.a));
    RECAST_TRY(unused(node.b, "operand b"));
    RECAST_TRY(noOverflow(node));
    RECAST_TRY(sameType(node, node.a));
    if (node.slot >= kMaxNodes)
      return wrong(fmt::format("output slot {} is out of range", node.slot));
    if (outputs_[node.slot])
      return wrong(fmt::format("output {} is stored twice", node.slot));
    outputs_[node.slot] = node.type;
    hasEffect_ = true;
    return {};
  }

  Status check(const Node &node) {
    RECAST_TRY(operand(node.a));
    RECAST_TRY(operand(node.b));
    RECAST_TRY(unused(node.slot, "slot"));
    RECAST_TRY(noOverflow(node));
    RECAST_TRY(sameType(node, node.a));
    RECAST_TRY(sameType(node, node.b));
    if (isPacked(node.type))
      return wrong(fmt::format("elements of {} are not whole bytes; they are copied, not compared",
                               name(node.type)));
    hasEffect_ = true;
    return {};
  }

  Status arithmetic(const Node &node) {
    if (operandCount(node.op) > 1) {
      RECAST_TRY(operand(node.b));
      RECAST_TRY(sameType(node, node.b));
    } else {
      RECAST_TRY(unused(node.b, "operand b"));
    }
    if (node.op != Op::Divide)
      RECAST_TRY(unused(node.slot, "slot"));
    else if (node.slot == 0)
      return wrong("a division by 0");
    RECAST_TRY(operand(node.a));
    RECAST_TRY(noOverflow(node));
    if (node.type != DType::F64)
      return wrong(
          fmt::format("arithmetic in {}; cast to f64 before and back after", name(node.type)));
    return sameType(node, node.a);
  }

  Status operand(uint16_t index) {
    if (index >= index_)
      return wrong(fmt::format("operand %{} does not come before it", index));
    if (!producesValue(nodes_[index].op))
      return wrong(fmt::format("operand %{} is not a value", index));
    used_[index] = true;
    return {};
  }
  Status sameType(const Node &node, uint16_t operand) {
    DType type = nodes_[operand].type;
    if (type != node.type)
      return wrong(
          fmt::format("operand %{} is {}, expected {}", operand, name(type), name(node.type)));
    return {};
  }
  Status unused(uint16_t field, std::string_view what) {
    if (field != 0)
      return wrong(fmt::format("{} is {}, but the operation has none", what, field));
    return {};
  }
  Status noOverflow(const Node &node) {
    if (node.overflow != Overflow::Ieee)
      return wrong("only casts have an overflow rule");
    return {};
  }

  using Slots = std::array<std::optional<DType>, kMaxNodes>;
  static Status dense(const Slots &slots, std::string_view what) {
    size_t used = 0, end = 0;
    for (size_t i = 0; i < slots.size(); ++i)
      if (slots[i]) {
        ++used;
        end = i + 1;
      }
    if (used != end)
      return badInput(fmt::format("recipe: {} slots must be 0..n-1, but {} of 0..{} are used", what,
                                  used, end - 1));
    return {};
  }

  const std::vector<Node> &nodes_;
  size_t index_ = 0;
  std::array<bool, kMaxNodes> used_{};
  Slots inputs_{}, outputs_{};
  std::array<bool, kMaxNodes> scalars_{};
  bool hasEffect_ = false;
};
} // namespace

Status verify(const Recipe &recipe) { return Verifier(recipe).run(); }

} // namespace recast::recipe
