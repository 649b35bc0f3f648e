#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Picture.h"
#include "compiler/Schedule/SvgText.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <vector>

namespace recast::schedule {
namespace {

// In pixels.
constexpr double kLeft = 62, kRight = 96, kHeader = 64, kRow = 26, kVersion = 11;
/// Rows get lower where there are so many that they would take more than this.
constexpr double kTallest = 2400;
/// Between the lines of small text.
constexpr double kLine = 10;
constexpr size_t kMostPictured = 20000;
constexpr double kCurveHeight = 110, kCurveGap = 46, kWidest = 1500, kUnit = 22,
                 kUnitWithNotes = 30;

class Drawing {
public:
  Drawing(const Schedule &schedule, const Simulation &simulation, const PictureOptions &options)
      : schedule_(schedule), simulation_(simulation), options_(options), unit_(shortest()) {
    double span = std::max(simulation.makespan, 1e-9);
    // A unit is the shortest compute action; it stays legible where the picture may be so wide.
    scale_ = std::min((options.notes.empty() ? kUnit : kUnitWithNotes) / unit_,
                      (kWidest - kLeft - kRight) / span);
    width_ = std::max(kLeft + kRight + span * scale_, headerWidth());
    row_ = std::clamp(kTallest / schedule.ranks, 3.0, kRow + 5);
    gap_ = row_ > 15 ? 5 : 1;
    row_ -= gap_;
    rowHeight_ = row_ + (showsNotes() ? kVersion : 0);
    rowsEnd_ = kHeader + static_cast<double>(schedule.ranks) * (rowHeight_ + gap_);
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
  double y(int32_t rank) const { return kHeader + static_cast<double>(rank) * (rowHeight_ + gap_); }

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

  std::string subtitle() const {
    return fmt::format("makespan {:g}, of which {:.1f} % idle", simulation_.makespan,
                       100 * simulation_.idleShare());
  }

  /// Kinds of actions that occur, and what they are called.
  std::vector<std::pair<ActionKind, std::string_view>> legend() const {
    std::vector<std::pair<ActionKind, std::string_view>> out = {
        {ActionKind::Forward, "forward"},
        {ActionKind::Backward, "backward"},
        {ActionKind::BackwardInput, "backward, inputs"},
        {ActionKind::BackwardWeight, "backward, weights"},
        {ActionKind::OptimizerStep, "optimizer step"}};
    std::erase_if(out, [&](const auto &entry) {
      return std::ranges::none_of(schedule_.actions, [&](const std::vector<Action> &actions) {
        return std::ranges::find(actions, entry.first, &Action::kind) != actions.end();
      });
    });
    return out;
  }
  static double legendStep(std::string_view words) {
    return 30 + 6.2 * static_cast<double>(words.size());
  }

  /// So that no text is cut at the right of a short schedule.
  double headerWidth() const {
    double legendWidth = 0;
    for (const auto &[kind, words] : legend())
      legendWidth += legendStep(words);
    return kLeft + 12 +
           std::max({9.2 * static_cast<double>(options_.title.size()),
                     6.4 * static_cast<double>(subtitle().size()), legendWidth});
  }

  void header() {
    svg_.text(kLeft, 20, options_.title, R"svg(font-size="14" font-weight="bold" fill="#222")svg");
    svg_.text(kLeft, 36, subtitle(), R"svg(fill="#555")svg");
    double at = kLeft;
    for (const auto &[kind, words] : legend()) {
      svg_.add(R"svg(<rect x="{:.1f}" y="43" width="14" height="11" fill="{}"/>)svg", at,
               lookOf({kind, false, 0, 0, 0}).fill);
      svg_.text(at + 18, 52, words, R"svg(fill="#444")svg");
      at += legendStep(words);
    }
  }

  void row(int32_t rank) {
    double top = y(rank);
    // Of rows that are lower than text, as many have a name as there is room for.
    int32_t every = static_cast<int32_t>(std::ceil(13 / (rowHeight_ + gap_)));
    if (rank % every == 0)
      svg_.text(8, top + row_ / 2 + 4,
                schedule_.ranks > 1000 ? fmt::format("{}", rank) : fmt::format("rank {}", rank),
                R"svg(font-size="11" fill="#222")svg");
    svg_.add(
        R"svg(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="url(#idle)"/>)svg",
        kLeft, top, simulation_.makespan * scale_, row_);
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
    // A step that costs nothing is still to be seen, and does not hide its neighbours.
    double shown = isStep ? std::max(width, std::min(2.0, 0.25 * unit_ * scale_)) : width;
    double height = row_, offset = 0;
    if (action.overlapsNext || (i > 0 && list(rank)[i - 1].overlapsNext)) {
      height = row_ / 2;
      offset = action.overlapsNext ? 0 : row_ / 2;
    }
    svg_.add(
        R"svg(<g><title>rank {}: {}, {:g} to {:g}{}{}</title><rect x="{:.2f}" y="{:.1f}" width="{:.2f}" height="{:.1f}" fill="{}"{}/>)svg",
        rank, str(action), from, to, note.empty() ? "" : ", ", note, x(from), top + offset, shown,
        height, look.fill,
        // A seam would be all that is seen of a narrow one.
        shown >= 4 && height >= 8 ? R"svg( stroke="#fff" stroke-width="0.7")svg" : "");
    std::string label = isCompute(action.kind) ? labelOf(action) : "";
    if (!label.empty() && height >= kLine && width >= 4.0 + 5.4 * static_cast<double>(label.size()))
      svg_.text(x(from) + width / 2, top + offset + height / 2 + 3.5, label,
                fmt::format(R"svg(text-anchor="middle" fill="{}")svg", look.ink));
    svg_.add("</g>");
    if (fits(note, width))
      svg_.text(x(from) + width / 2, top + row_ + 9, note,
                R"svg(text-anchor="middle" font-size="8" fill="#666")svg");
  }

  static bool fits(std::string_view note, double width) {
    return !note.empty() && width >= 2.0 + 4.4 * static_cast<double>(note.size());
  }
  bool showsNotes() const {
    for (int32_t rank = 0; rank < schedule_.ranks && row_ >= kLine; ++rank)
      for (size_t i = 0; i < list(rank).size(); ++i)
        if (fits(noteOf(rank, i), (end(rank, i) - begin(rank, i)) * scale_))
          return true;
    return false;
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
    double step = tickStep(60 / scale_);
    for (int i = 0; i * step <= simulation_.makespan + step * 1e-6; ++i) {
      double at = x(i * step);
      svg_.add(R"svg(<line x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}" stroke="#888"/>)svg",
               at, top, top + 4);
      svg_.text(at, top + 15, fmt::format("{:g}", i * step),
                R"svg(text-anchor="middle" fill="#555")svg");
    }
    svg_.text(x(simulation_.makespan) + 24, top + 15, words, R"svg(fill="#555")svg");
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
    for (int32_t rank = 0; rank < schedule_.ranks; ++rank) {
      std::string path = fmt::format("M{:.1f},{:.1f}", x(0), bottom);
      std::vector<ActivationPoint> points = activationCurve(schedule_, simulation_, rank);
      for (size_t i = 0; i < points.size(); ++i)
        // Of several changes at one time, the last stands.
        if (i + 1 == points.size() || points[i + 1].time > points[i].time)
          fmt::format_to(std::back_inserter(path), "H{:.1f}V{:.1f}", x(points[i].time),
                         level(points[i].held));
      fmt::format_to(std::back_inserter(path), "H{:.1f}", x(simulation_.makespan));
      svg_.add(R"svg(<path d="{}" fill="none" stroke="{}" stroke-width="1.4"/>)svg", path,
               rankColour(rank));
    }
    peaks(top, level);
  }

  /// The peak of each rank, or of some where there are many, at the height where its curve has it:
  /// below each other, and all inside the picture.
  template <typename Level> void peaks(double top, const Level &level) {
    auto most = static_cast<int32_t>(kCurveHeight / kLine) + 2;
    int32_t every = (schedule_.ranks + most - 1) / most;
    std::vector<int32_t> ranks;
    std::vector<double> places;
    for (int32_t rank = 0; rank < schedule_.ranks; rank += every) {
      double wanted = level(peakOf(rank)) + 3;
      places.push_back(places.empty() ? wanted : std::max(places.back() + kLine, wanted));
      ranks.push_back(rank);
    }
    double last = top + kCurveHeight + kLine;
    for (size_t i = places.size(); i-- > 0; last = places[i] - kLine)
      places[i] = std::min(places[i], last);
    for (size_t i = 0; i < places.size(); ++i)
      svg_.text(x(simulation_.makespan) + 8, places[i],
                fmt::format("rank {}: {}", ranks[i], peakOf(ranks[i])),
                fmt::format(R"svg(font-size="9" fill="{}")svg", rankColour(ranks[i])));
  }
  int64_t peakOf(int32_t rank) const {
    return simulation_.ranks[static_cast<size_t>(rank)].peakActivations;
  }

  std::string rankColour(int32_t rank) const {
    double share = schedule_.ranks > 1 ? static_cast<double>(rank) / (schedule_.ranks - 1) : 0;
    return fmt::format("hsl({:.0f},65%,{:.0f}%)", 265 - 215 * share, 34 + 12 * share);
  }

  const Schedule &schedule_;
  const Simulation &simulation_;
  const PictureOptions &options_;
  const double unit_; ///< The shortest action, in time.
  double row_ = kRow, gap_ = 5, rowHeight_ = kRow, scale_ = 1, width_ = 0, rowsEnd_ = 0,
         height_ = 0;
  Svg svg_;
};

} // namespace

Result<std::string> drawSvg(const Schedule &schedule, const Simulation &simulation,
                            const PictureOptions &options) {
  size_t count = 0;
  for (const std::vector<Action> &list : schedule.actions)
    count += list.size();
  if (count > kMostPictured)
    return fail(
        Error(Code::Usage, fmt::format("{} actions are too many for a picture; {} is the most",
                                       count, kMostPictured))
            .hint("Fewer ranks or microbatches show the same order."));
  return Drawing(schedule, simulation, options).draw();
}

} // namespace recast::schedule
