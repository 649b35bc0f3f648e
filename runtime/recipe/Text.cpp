#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace recast::recipe {
namespace {

std::string_view overflowName(Overflow overflow) {
  switch (overflow) {
  case Overflow::Ieee:
    return "";
  case Overflow::Saturate:
    return " saturate";
  case Overflow::Nan:
    return " nan";
  }
  return " ?";
}

std::string_view arithmeticName(Op op) {
  switch (op) {
  case Op::Add:
    return "add";
  case Op::Subtract:
    return "subtract";
  case Op::Multiply:
    return "multiply";
  case Op::Quotient:
    return "quotient";
  case Op::Divide:
    return "divide";
  case Op::SquareRoot:
    return "root";
  default:
    return "";
  }
}

/// Words of one statement.
class Words {
public:
  explicit Words(std::string_view text) : rest_(text) {}
  std::string_view next() {
    constexpr std::string_view space = " \t\r";
    size_t begin = rest_.find_first_not_of(space);
    if (begin == rest_.npos) {
      rest_ = {};
      return {};
    }
    size_t end = std::min(rest_.find_first_of(space, begin), rest_.size());
    std::string_view word = rest_.substr(begin, end - begin);
    rest_.remove_prefix(end);
    return word;
  }

private:
  std::string_view rest_;
};

/// A number below 2^16, all of `word`.
bool parseNumber(std::string_view word, uint16_t &value) {
  const char *end = word.data() + word.size();
  auto [stop, error] = std::from_chars(word.data(), end, value);
  return !word.empty() && error == std::errc{} && stop == end;
}

class Statement {
public:
  Statement(std::string_view text, const std::vector<Node> &before)
      : text_(text), words_(text), before_(before) {}

  Result<Node> parse() {
    RECAST_ASSIGN(Node node, operation());
    if (std::string_view extra = words_.next(); !extra.empty())
      return wrong(fmt::format("unexpected '{}' at its end", shown(extra)));
    return node;
  }

private:
  Result<Node> operation() {
    std::string_view op = words_.next();
    Node node;
    if (op == "load" || op == "scalar") {
      node.op = op == "load" ? Op::Load : Op::Scalar;
      RECAST_TRY(slot(node.slot));
      RECAST_TRY(type(node.type));
    } else if (op == "cast") {
      node.op = Op::Cast;
      RECAST_TRY(value(node.a));
      RECAST_TRY(type(node.type));
      RECAST_TRY(overflow(node.overflow));
    } else if (op == "store") {
      node.op = Op::Store;
      RECAST_TRY(value(node.a));
      RECAST_TRY(slot(node.slot));
      node.type = before_[node.a].type;
    } else if (op == "check") {
      node.op = Op::CheckEqual;
      RECAST_TRY(value(node.a));
      RECAST_TRY(value(node.b));
      node.type = before_[node.a].type;
    } else if (auto known = arithmetic(op)) {
      node.op = *known;
      RECAST_TRY(value(node.a));
      if (operandCount(node.op) > 1)
        RECAST_TRY(value(node.b));
      if (node.op == Op::Divide)
        RECAST_TRY(slot(node.slot));
      node.type = before_[node.a].type;
    } else {
      return wrong("expected load, scalar, cast, add, subtract, multiply, quotient, divide, root, "
                   "store or check");
    }
    return node;
  }
  static std::optional<Op> arithmetic(std::string_view word) {
    for (uint8_t code = 0; code <= static_cast<uint8_t>(kLastOp); ++code)
      if (auto op = static_cast<Op>(code); isArithmetic(op) && arithmeticName(op) == word)
        return op;
    return std::nullopt;
  }

  Status slot(uint16_t &slot) {
    std::string_view word = words_.next();
    if (!parseNumber(word, slot))
      return wrong(fmt::format("expected a slot number, got '{}'", shown(word)));
    return {};
  }
  Status value(uint16_t &index) {
    std::string_view word = words_.next();
    if (word.empty() || word[0] != '%' || !parseNumber(word.substr(1), index))
      return wrong(fmt::format("expected an operand such as %0, got '{}'", shown(word)));
    if (index >= before_.size())
      return wrong(fmt::format("operand %{} does not come before it", index));
    return {};
  }
  Status type(DType &type) {
    std::string_view word = words_.next();
    auto found = parseDType(word);
    if (!found)
      return wrong(fmt::format("expected a dtype, got '{}'", shown(word)));
    type = *found;
    return {};
  }
  Status overflow(Overflow &overflow) {
    std::string_view word = words_.next();
    if (word == "saturate")
      overflow = Overflow::Saturate;
    else if (word == "nan")
      overflow = Overflow::Nan;
    else if (!word.empty())
      return wrong(fmt::format("expected saturate or nan, got '{}'", shown(word)));
    return {};
  }

  /// Enough of a hostile text to recognise it by.
  static std::string_view shown(std::string_view text) { return text.substr(0, 40); }
  tl::unexpected<Error> wrong(std::string_view what) const {
    return badInput(
        fmt::format("recipe statement {} '{}': {}", before_.size(), shown(text_), what));
  }

  std::string_view text_;
  Words words_;
  const std::vector<Node> &before_;
};
} // namespace

std::string shortName(const Recipe &recipe) {
  std::string out;
  for (size_t i = 0; i < recipe.nodes.size(); ++i) {
    const Node &node = recipe.nodes[i];
    const bool last = i + 1 == recipe.nodes.size();
    const Op expected = i == 0 ? Op::Load : last ? Op::Store : Op::Cast;
    if (node.op != expected || (i > 0 && node.a != i - 1))
      return fmt::format("recipe_{:016x}", recipe.hash());
    if (last)
      break;
    std::string rule(overflowName(node.overflow));
    std::replace(rule.begin(), rule.end(), ' ', '_');
    out += fmt::format("{}{}{}", i ? "_" : "", name(node.type), rule);
  }
  return out;
}

std::string Recipe::str() const {
  std::string text;
  auto out = std::back_inserter(text);
  for (const Node &node : nodes) {
    if (!text.empty())
      text += "; ";
    switch (node.op) {
    case Op::Load:
      fmt::format_to(out, "load {} {}", node.slot, name(node.type));
      break;
    case Op::Scalar:
      fmt::format_to(out, "scalar {} {}", node.slot, name(node.type));
      break;
    case Op::Cast:
      fmt::format_to(out, "cast %{} {}{}", node.a, name(node.type), overflowName(node.overflow));
      break;
    case Op::Store:
      fmt::format_to(out, "store %{} {}", node.a, node.slot);
      break;
    case Op::CheckEqual:
      fmt::format_to(out, "check %{} %{}", node.a, node.b);
      break;
    case Op::Divide:
      fmt::format_to(out, "divide %{} {}", node.a, node.slot);
      break;
    case Op::Add:
    case Op::Subtract:
    case Op::Multiply:
    case Op::Quotient:
      fmt::format_to(out, "{} %{} %{}", arithmeticName(node.op), node.a, node.b);
      break;
    case Op::SquareRoot:
      fmt::format_to(out, "root %{}", node.a);
      break;
    }
  }
  return text;
}

Result<Recipe> Recipe::parse(std::string_view text) {
  if (text.size() > kMaxTextBytes)
    return badInput(
        fmt::format("recipe text: {} bytes, more than the {} allowed", text.size(), kMaxTextBytes));
  Recipe recipe;
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(";\n"), text.size());
    std::string_view statement = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (Words(statement).next().empty())
      continue;
    if (recipe.nodes.size() == kMaxNodes)
      return badInput(fmt::format("recipe text: more than the {} nodes allowed", kMaxNodes));
    RECAST_ASSIGN(Node node, Statement(statement, recipe.nodes).parse());
    recipe.nodes.push_back(node);
  }
  RECAST_TRY(verify(recipe));
  return recipe;
}

} // namespace recast::recipe
