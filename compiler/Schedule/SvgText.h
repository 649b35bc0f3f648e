// What a picture of a schedule is written with: elements of SVG, and the colour of an action.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <string>
#include <string_view>

namespace recast::schedule {

class Svg {
public:
  template <typename... Args> void add(fmt::format_string<Args...> format, Args &&...args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  void text(double x, double y, std::string_view words, std::string_view style) {
    add(R"svg(<text x="{:.1f}" y="{:.1f}" {}>{}</text>)svg", x, y, style, escape(words));
  }
  std::string take() && { return std::move(text_); }

  static std::string escape(std::string_view words) {
    std::string out;
    for (char c : words)
      switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
      }
    return out;
  }

private:
  std::string text_;
};

/// Neighbouring microbatches get hues far apart (the golden angle).
inline double hueOf(int32_t microbatch) { return std::fmod(210.0 + 137.508 * microbatch, 360.0); }

struct Look {
  std::string fill;
  std::string_view ink;
};

/// Forwards are light, backwards dark, their two parts between.
inline Look lookOf(const Action &action) {
  double hue = hueOf(std::max(action.microbatch, 0));
  switch (action.kind) {
  case ActionKind::Forward:
    return {fmt::format("hsl({:.0f},62%,80%)", hue), "#222"};
  case ActionKind::Backward:
    return {fmt::format("hsl({:.0f},48%,45%)", hue), "#fff"};
  case ActionKind::BackwardInput:
    return {fmt::format("hsl({:.0f},50%,58%)", hue), "#fff"};
  case ActionKind::BackwardWeight:
    return {fmt::format("hsl({:.0f},26%,68%)", hue), "#222"};
  case ActionKind::OptimizerStep:
    return {"#222", "#fff"};
  default:
    return {"#999", "#fff"};
  }
}

/// 1, 2 or 5 times a power of ten, and `least` or more: how far ticks of an axis stand apart.
inline double tickStep(double least) {
  double power = std::pow(10, std::floor(std::log10(std::max(least, 1e-12))));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least)
      return factor * power;
  return 10 * power;
}

} // namespace recast::schedule
