#include "compiler/Schedule/Costs.h"

#include "runtime/base/NearestName.h"
#include "runtime/base/Printable.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>

namespace recast::schedule {
namespace {

struct Name {
  std::string_view text;
  double Costs::*value;
};
constexpr std::array<Name, 10> kCosts = {{{"f", &Costs::forward},
                                          {"b", &Costs::backward},
                                          {"i", &Costs::input},
                                          {"w", &Costs::weight},
                                          {"comm", &Costs::comm},
                                          {"opt", &Costs::optimizer},
                                          {"stash", &Costs::stash},
                                          {"predict", &Costs::predict},
                                          {"restore", &Costs::restore},
                                          {"overlap", &Costs::overlap}}};
constexpr size_t kBackward = 1, kInput = 2, kWeight = 3;

Status checkValue(std::string_view name, double value) {
  if (std::isfinite(value) && value >= 0)
    return {};
  return usage(fmt::format("the cost {} is {}; costs are finite and not negative", name, value));
}

/// Fills those of b, i and w that were not given.
Status completeBackward(Costs &costs, const std::array<bool, kCosts.size()> &given) {
  if (!given[kBackward]) {
    costs.backward = costs.input + costs.weight;
    return {};
  }
  if (given[kInput] && given[kWeight])
    return {};
  if (!given[kInput] && !given[kWeight])
    costs.input = costs.weight = costs.backward / 2;
  else if (given[kInput])
    costs.weight = costs.backward - costs.input;
  else
    costs.input = costs.backward - costs.weight;
  if (costs.input < 0 || costs.weight < 0)
    return fail(
        Error(Code::Usage, fmt::format("the part {} of a backward costs more than the whole, b={}",
                                       given[kInput] ? "i" : "w", costs.backward))
            .hint("Give b, i and w."));
  return {};
}

} // namespace

double Costs::of(ActionKind kind) const {
  switch (kind) {
  case ActionKind::Forward:
    return forward;
  case ActionKind::Backward:
    return backward;
  case ActionKind::BackwardInput:
    return input;
  case ActionKind::BackwardWeight:
    return weight;
  case ActionKind::OptimizerStep:
    return optimizer;
  case ActionKind::Stash:
    return stash;
  case ActionKind::Predict:
    return predict;
  case ActionKind::Restore:
    return restore;
  default:
    return 0;
  }
}

Status checkCosts(const Costs &costs, int32_t stages) {
  for (const Name &name : kCosts)
    RECAST_TRY(checkValue(name.text, costs.*name.value));
  if (!costs.stageFactor.empty() && costs.stageFactor.size() != static_cast<size_t>(stages))
    return usage(fmt::format("there are {} factors of stages for {} stages",
                             costs.stageFactor.size(), stages));
  for (size_t s = 0; s < costs.stageFactor.size(); ++s)
    RECAST_TRY(checkValue(fmt::format("factor of stage {}", s), costs.stageFactor[s]));
  return {};
}

Result<Costs> costsOf(std::span<const std::pair<std::string, double>> values) {
  Costs out;
  std::array<bool, kCosts.size()> given{};
  for (const auto &[name, value] : values) {
    auto found = std::ranges::find(kCosts, std::string_view(name), &Name::text);
    if (found == kCosts.end()) {
      std::vector<std::string> known;
      for (const Name &cost : kCosts)
        known.emplace_back(cost.text);
      return fail(Error(Code::Usage, fmt::format("there is no cost '{}'", printable(name, 60)))
                      .hint(fmt::format("Costs are {}.", fmt::join(known, ", "))));
    }
    size_t index = static_cast<size_t>(found - kCosts.begin());
    if (given[index])
      return usage(fmt::format("the cost {} is given twice", name));
    given[index] = true;
    RECAST_TRY(checkValue(name, value));
    out.*found->value = value;
  }
  RECAST_TRY(completeBackward(out, given));
  RECAST_TRY(checkCosts(out, 0)); // Sums may be more than a double holds.
  return out;
}

Result<Costs> parseCosts(std::string_view text) {
  std::vector<std::pair<std::string, double>> values;
  for (std::string_view rest = text;;) {
    size_t comma = rest.find(',');
    std::string_view entry = rest.substr(0, comma);
    size_t equals = entry.find('=');
    std::string_view number =
        equals == std::string_view::npos ? std::string_view() : entry.substr(equals + 1);
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    // from_chars also takes "inf", "nan" and a minus sign, which checkValue() refuses by value.
    bool isOver = error == std::errc::result_out_of_range;
    if (number.empty() || (error != std::errc() && !isOver) || end != number.data() + number.size())
      return fail(
          Error(Code::Usage, fmt::format("'{}' of the costs '{}' is not a name, '=' and a number",
                                         printable(entry, 60), printable(text, 100)))
              .hint("Example: f=1,b=2,comm=0.1"));
    if (isOver)
      return usage(fmt::format("'{}' is not a number that a double holds", printable(entry, 60)));
    values.emplace_back(entry.substr(0, equals), value);
    if (comma == std::string_view::npos)
      return costsOf(values);
    rest.remove_prefix(comma + 1);
  }
}

} // namespace recast::schedule
