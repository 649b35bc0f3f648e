#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Picture.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>

namespace recast::schedule {
namespace {

// In pixels.
constexpr double kLeft = 62, kRight = 96, kHeader = 64, kRow = 26, kGap = 5, kVersion = 11;
constexpr size_t kMostPictured = 20000;
constexpr double kCurveHeight = 110, kCurveGap = 46, kWidest = 1500, kUnit = 22,
                 kUnitWithNotes = 30;

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
double hueOf(int32_t microbatch) { return std::fmod(210.0 + 137.508 * microbatch, 360.0); }

struct Look {
  std::string fill;
  std::string_view ink;
};

/// Forwards are light, backwards dark, their two parts between.
Look lookOf(const Action &action) {
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

class Drawing {
public:
  Drawing(const Schedule &schedule, const Simulation &simulation, const PictureOptions &options)
      : schedule_(schedule), simulation_(simulation), options_(options),
        rowHeight_(kRow + (!options.notes.empty() ? kVersion : 0)) {
    double span = std::max(simulation.makespan, 1e-9);
    // A unit is the shortest compute action; it stays legible where the picture may be so wide.
    scale_ = std::min((options.notes.empty() ? kUnit : kUnitWithNotes) / shortest(),
                      (kWidest - kLeft - kRight) / span);
    width_ = kLeft + kRight + span * scale_;
    rowsEnd_ = kHeader + static_cast<double>(schedule.ranks) * (rowHeight_ + kGap);
    height_ = rowsEnd_ + 34 + (options.memory ? kCurveGap + kCurveHeight : 0);
  }

  std::string draw() && {
    svg_.add(
        R"svg(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="10">)svg",
        width_, height_);
    svg_.add(
        R"svg(<defs><pattern id="idle" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#f4f4f4"/><rect width="1.2" height="6" fill="#dcdcdc"/></pattern></defs>)svg");
    svg_.add(R"svg(<rect width="100%" height="100%" fill="#fff"/>)svg");
    header();
    for (int32_t rank = 0; rank < schedule_.ranks; ++rank)
      row(rank);
    axis(rowsEnd_ + 4, "time");
    if (options_.memory)
      memory();
    svg_.add("</svg>");
    return std::move(svg_).take();
  }

private:
  const std::vector<Action> &list(int32_t rank) const {
    return schedule_.actions[static_cast<size_t>(rank)];
  }
  double begin(int32_t rank, size_t i) const {
    return simulation_.start[static_cast<size_t>(rank)][i];
  }
  double end(int32_t rank, size_t i) const { return simulation_.end[static_cast<size_t>(rank)][i]; }
  double x(double time) const { return kLeft + time * scale_; }
  double y(int32_t rank) const { return kHeader + static_cast<double>(rank) * (rowHeight_ + kGap); }

  double shortest() const {
    double out = simulation_.makespan;
    for (int32_t rank = 0; rank < schedule_.ranks; ++rank)
      for (size_t i = 0; i < list(rank).size(); ++i) {
        double length = end(rank, i) - begin(rank, i);
        if (isCompute(list(rank)[i].kind) && length > 0)
          out = std::min(out, length);
      }
    return out > 0 ? out : 1;
  }

  void header() {
    svg_.text(kLeft, 20, options_.title, R"svg(font-size="14" font-weight="bold" fill="#222")svg");
    svg_.text(kLeft, 36,
              fmt::format("makespan {:g}, of which {:.1f} % idle", simulation_.makespan,
                          100 * simulation_.idleShare()),
              R"svg(fill="#555")svg");
    double at = kLeft;
    auto sample = [&](ActionKind kind, std::string_view words) {
      bool used = false;
      for (const std::vector<Action> &actions : schedule_.actions)
        used |= std::any_of(actions.begin(), actions.end(),
                            [&](const Action &a) { return a.kind == kind; });
      if (!used)
        return;
      Look look = lookOf({kind, false, 0, 0, 0});
      svg_.add(R"svg(<rect x="{:.1f}" y="43" width="14" height="11" fill="{}"/>)svg", at,
               look.fill);
      svg_.text(at + 18, 52, words, R"svg(fill="#444")svg");
      at += 30 + 6.2 * static_cast<double>(words.size());
    };
    sample(ActionKind::Forward, "forward");
    sample(ActionKind::Backward, "backward");
    sample(ActionKind::BackwardInput, "backward, inputs");
    sample(ActionKind::BackwardWeight, "backward, weights");
    sample(ActionKind::OptimizerStep, "optimizer step");
    svg_.add(R"svg(fill="#444")svg");
  }

  void row(int32_t rank) {
    double top = y(rank);
    svg_.text(8, top + kRow * 0.65, fmt::format("rank {}", rank),
              R"svg(font-size="11" fill="#222")svg");
    svg_.add(
        R"svg(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="url(#idle)"/>)svg",
        kLeft, top, simulation_.makespan * scale_, kRow);
    // Steps that take no time would vanish under the action that follows.
    for (bool steps : {false, true})
      for (size_t i = 0; i < list(rank).size(); ++i)
        if ((list(rank)[i].kind == ActionKind::OptimizerStep) == steps)
          bar(rank, i, top);
  }

  void bar(int32_t rank, size_t i, double top) {
    const Action &action = list(rank)[i];
    double from = begin(rank, i), to = end(rank, i);
    double width = (to - from) * scale_;
    bool isStep = action.kind == ActionKind::OptimizerStep;
    if (!isCompute(action.kind) && !isStep)
      return; // Moves and copies: in the tooltip of what they serve, not a bar.
    std::string_view note = noteOf(rank, i);
    Look look = lookOf(action);
    // A step that costs nothing is still to be seen.
    double shown = isStep ? std::max(width, 2.0) : width;
    double height = kRow, offset = 0;
    if (action.overlapsNext || (i > 0 && list(rank)[i - 1].overlapsNext)) {
      height = kRow / 2;
      offset = action.overlapsNext ? 0 : kRow / 2;
    }
    svg_.add(
        R"svg(<g><title>rank {}: {}, {:g} to {:g}{}{}</title><rect x="{:.2f}" y="{:.1f}" width="{:.2f}" height="{:.1f}" fill="{}" stroke="#fff" stroke-width="0.7"/>)svg",
        rank, str(action), from, to, note.empty() ? "" : ", ", note, x(from), top + offset, shown,
        height, look.fill);
    std::string label = isCompute(action.kind) ? labelOf(action) : "";
    if (!label.empty() && width >= 4.0 + 5.4 * static_cast<double>(label.size()))
      svg_.text(x(from) + width / 2, top + offset + height / 2 + 3.5, label,
                fmt::format(R"svg(text-anchor="middle" fill="{}")svg", look.ink));
    svg_.add("</g>");
    if (!note.empty() && width >= 2.0 + 4.4 * static_cast<double>(note.size()))
      svg_.text(x(from) + width / 2, top + kRow + 9, note,
                R"svg(text-anchor="middle" font-size="8" fill="#666")svg");
  }

  std::string_view noteOf(int32_t rank, size_t i) const {
    if (options_.notes.empty())
      return {};
    return options_.notes[static_cast<size_t>(rank)][i];
  }

  /// The microbatch, and a letter for the chunk where a rank has several.
  std::string labelOf(const Action &action) const {
    std::string out = fmt::format("{}", action.microbatch);
    if (schedule_.chunks > 1)
      out += static_cast<char>('a' + std::min(action.stage / std::max(schedule_.ranks, 1), 25));
    return out;
  }

  void axis(double top, std::string_view words) {
    svg_.add(R"svg(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="#888"/>)svg",
             kLeft, top, x(simulation_.makespan), top);
    double step = tickStep(simulation_.makespan);
    for (int i = 0; i * step <= simulation_.makespan + step * 1e-6; ++i) {
      double at = x(i * step);
      svg_.add(R"svg(<line x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}" stroke="#888"/>)svg",
               at, top, top + 4);
      svg_.text(at, top + 15, fmt::format("{:g}", i * step),
                R"svg(text-anchor="middle" fill="#555")svg");
    }
    svg_.text(x(simulation_.makespan) + 10, top + 15, words, R"svg(fill="#555")svg");
  }

  /// 1, 2 or 5 times a power of ten, so that ticks stand 60 pixels apart or more.
  double tickStep(double span) const {
    double wanted = 60 / scale_,
           power = std::pow(10, std::floor(std::log10(std::max(wanted, 1e-12))));
    for (double factor : {1.0, 2.0, 5.0, 10.0})
      if (factor * power >= wanted)
        return factor * power;
    return span;
  }

  /// Step curves, one per rank, the first the darkest; the peak of each stands at its end.
  void memory() {
    double top = rowsEnd_ + kCurveGap, bottom = top + kCurveHeight;
    auto most = static_cast<double>(std::max<int64_t>(simulation_.peakActivations(), 1));
    auto level = [&](int64_t held) {
      return bottom - kCurveHeight * static_cast<double>(held) / most;
    };
    svg_.text(8, top + 4, "kept", R"svg(fill="#222")svg");
    svg_.text(8, top + 16, "activations", R"svg(font-size="9" fill="#555")svg");
    for (double share : {0.0, 1.0}) {
      double at = bottom - kCurveHeight * share;
      svg_.add(R"svg(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="#e4e4e4"/>)svg",
               kLeft, at, x(simulation_.makespan), at);
      svg_.text(kLeft - 4, at + 3, fmt::format("{:g}", most * share),
                R"svg(text-anchor="end" font-size="9" fill="#555")svg");
    }
    double labelEnd = top - 12;
    for (int32_t rank = 0; rank < schedule_.ranks; ++rank) {
      std::string path = fmt::format("M{:.1f},{:.1f}", x(0), bottom);
      std::vector<ActivationPoint> points = activationCurve(schedule_, simulation_, rank);
      for (size_t i = 0; i < points.size(); ++i)
        // Of several changes at one time, the last stands.
        if (i + 1 == points.size() || points[i + 1].time > points[i].time)
          fmt::format_to(std::back_inserter(path), "H{:.1f}V{:.1f}", x(points[i].time),
                         level(points[i].held));
      fmt::format_to(std::back_inserter(path), "H{:.1f}", x(simulation_.makespan));
      std::string colour = rankColour(rank);
      svg_.add(R"svg(<path d="{}" fill="none" stroke="{}" stroke-width="1.4"/>)svg", path, colour);
      int64_t peak = simulation_.ranks[static_cast<size_t>(rank)].peakActivations;
      // Labels of equal peaks stand below each other.
      labelEnd = std::max(labelEnd + 10, level(peak) + 3);
      svg_.text(x(simulation_.makespan) + 8, labelEnd, fmt::format("rank {}: {}", rank, peak),
                fmt::format(R"svg(font-size="9" fill="{}")svg", colour));
    }
  }

  std::string rankColour(int32_t rank) const {
    double share = schedule_.ranks > 1 ? static_cast<double>(rank) / (schedule_.ranks - 1) : 0;
    return fmt::format("hsl({:.0f},65%,{:.0f}%)", 265 - 215 * share, 34 + 12 * share);
  }

  const Schedule &schedule_;
  const Simulation &simulation_;
  const PictureOptions &options_;
  double rowHeight_, scale_ = 1, width_ = 0, rowsEnd_ = 0, height_ = 0;
  Svg svg_;
};

} // namespace

Result<std::string> drawSvg(const Schedule &schedule, const Simulation &simulation,
                            const PictureOptions &options) {
  size_t count = 0;
  for (const std::vector<Action> &list : schedule.actions)
    count += list.size();
  if (count > kMostPictured)
    return usage(
        fmt::format("{} actions are too many for a picture; {} is the most", count, kMostPictured));
  return Drawing(schedule, simulation, options).draw();
}

} // namespace recast::schedule
