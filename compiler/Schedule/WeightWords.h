// Words of weight policies, by enum value: one spelling for JSON, IR and the language.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

namespace recast::schedule {

inline constexpr std::string_view kWeightRuleWords[] = {"latest", "stash", "double_buffer",
                                                        "predict"};
/// LagRule::Fixed has none: it is a number.
inline constexpr std::string_view kLagRuleWords[] = {"derived", "paper", "code", "spectrain",
                                                     "xpipe"};
inline constexpr std::string_view kOptimizerWords[] = {"unknown", "sgd", "sgdm", "adam", "adamw"};

inline std::string_view name(WeightRule rule) {
  return kWeightRuleWords[static_cast<size_t>(rule)];
}
/// Not of LagRule::Fixed.
inline std::string_view name(LagRule rule) { return kLagRuleWords[static_cast<size_t>(rule)]; }
inline std::string_view name(Optimizer optimizer) {
  return kOptimizerWords[static_cast<size_t>(optimizer)];
}

/// The value that a word stands for.
template <typename Enum>
std::optional<Enum> valueOf(std::span<const std::string_view> words, std::string_view word) {
  auto found = std::ranges::find(words, word);
  if (found == words.end())
    return std::nullopt;
  return static_cast<Enum>(std::distance(words.begin(), found));
}

} // namespace recast::schedule
