#include "lang/ucl/Define.h"

#include "lang/ucl/Diagnostic.h"
#include "lang/ucl/Parser.h"

#include <fmt/format.h>

namespace recast::lang {
namespace {
/// The same expression, standing where the one that it replaces stood: errors about it point into
/// the spec.
ExprPtr movedTo(Location place, const ExprPtr &expr) {
  Expr out = *expr;
  out.loc = place;
  for (Arg &arg : out.args)
    arg.value = movedTo(place, arg.value);
  for (ExprPtr &operand : out.operands)
    operand = movedTo(place, operand);
  return std::make_shared<const Expr>(std::move(out));
}
} // namespace

Status define(Spec &spec, std::string_view name, std::string_view valueText) {
  std::vector<std::string> known;
  for (auto &[let, value] : spec.lets) {
    known.push_back(let);
    if (let != name)
      continue;
    if (value && value->kind == Expr::Kind::String) {
      if (valueText.find('\0') != std::string_view::npos)
        return usage(fmt::format("-D {}: a text cannot hold a NUL byte", name));
      auto text = std::make_shared<Expr>();
      text->kind = Expr::Kind::String;
      text->text = valueText;
      text->loc = value->loc;
      value = std::move(text);
      return {};
    }
    RECAST_ASSIGN(ExprPtr parsed, parseValue(valueText, fmt::format("-D {}", name)));
    value = movedTo(value ? value->loc : Location{}, parsed);
    return {};
  }
  return usage(
      fmt::format("-D {}: the spec has no `let {}`{}", name, name, didYouMean(name, known)));
}

} // namespace recast::lang
