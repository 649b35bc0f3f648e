#include "compiler/Bind/HyperParameters.h"

#include "compiler/Bind/SourceText.h"

#include <fmt/format.h>

namespace recast::compiler {
namespace {

std::optional<double> numberOf(mlir::Attribute value) {
  if (auto real = llvm::dyn_cast_or_null<mlir::FloatAttr>(value))
    return real.getValueAsDouble();
  if (auto whole = llvm::dyn_cast_or_null<mlir::IntegerAttr>(value);
      whole && !llvm::isa<mlir::BoolAttr>(value))
    return static_cast<double>(whole.getInt());
  return std::nullopt;
}

} // namespace

std::optional<double> objectNumber(const plan::Object &value) {
  if (value.kind == plan::Object::Kind::Float)
    return value.real;
  if (value.kind == plan::Object::Kind::Int)
    return static_cast<double>(value.integer);
  return std::nullopt;
}

tl::unexpected<Error> predictError(mlir::Location loc, const format::Tensor &weights,
                                   std::string message, std::string hint) {
  Error error = specError(loc, "`predict`: " + message).tensor(weights.name);
  return fail(hint.empty() ? std::move(error) : std::move(error).hint(std::move(hint)));
}

Result<double> HyperParameters::inRange(const std::string &name, double value, Range range,
                                        bool isGiven) const {
  bool above = range.lowIn ? value >= range.low : value > range.low;
  bool below = range.highIn ? value <= range.high : value < range.high;
  if (std::isfinite(value) && above && below)
    return value;
  std::string allowed =
      range.high == INFINITY
          ? fmt::format("{} {}", range.lowIn ? "at least" : "more than", range.low)
          : fmt::format("from {} to {} {}", range.low, range.highIn ? "at most" : "below",
                        range.high);
  return bad(fmt::format("{}{} is {}; it is {}", name, isGiven ? "" : " of its parameter group",
                         value, allowed));
}

Result<double> HyperParameters::number(const std::string &name, Range range) const {
  if (mlir::Attribute value = written_.given(name)) {
    auto number = numberOf(value);
    if (!number)
      return bad(fmt::format("`{}` is a number", name));
    return inRange(name, *number, range, true);
  }
  std::string hint = fmt::format("Say it: `predict(.., {} = ..)`.", name);
  const plan::Object *value = group_ ? group_->find(name) : nullptr;
  if (!value)
    return bad(group_ ? fmt::format("its parameter group has no {}", name)
                      : fmt::format("the source has no parameter group of it, and so no {}", name),
               std::move(hint));
  auto number = objectNumber(*value);
  if (!number)
    return bad(fmt::format("{} of its parameter group is no number", name), std::move(hint));
  return inRange(name, *number, range, false);
}

Result<std::pair<double, double>> HyperParameters::betas() const {
  std::optional<double> first, second;
  const bool isGiven = static_cast<bool>(written_.given("betas"));
  if (auto pair = llvm::dyn_cast_or_null<mlir::ArrayAttr>(written_.given("betas"))) {
    if (pair.size() == 2) {
      first = numberOf(pair[0]);
      second = numberOf(pair[1]);
    }
  } else if (!isGiven) {
    const plan::Object *value = group_ ? group_->find("betas") : nullptr;
    if (!value)
      return bad(group_ ? "its parameter group has no betas"
                        : "the source has no parameter group of it, and so no betas",
                 "Say them: `predict(.., betas = (0.9, 0.999))`.");
    if (value->isSequence() && value->items.size() == 2) {
      first = objectNumber(*value->items[0]);
      second = objectNumber(*value->items[1]);
    }
  }
  if (!first || !second)
    return bad(isGiven ? "`betas` is a pair of numbers, as in (0.9, 0.999)"
                       : "betas of its parameter group is no pair of numbers");
  RECAST_TRY(inRange("betas", *first, {0, 1}, isGiven));
  RECAST_TRY(inRange("betas", *second, {0, 1}, isGiven));
  return std::pair(*first, *second);
}

} // namespace recast::compiler
