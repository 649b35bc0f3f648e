#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Picture.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// "F0", or "F0@4" of stage 4 where ranks have several stages.
std::string wordOf(const Schedule &schedule, const Action &action) {
  std::string word = fmt::format("{}{}", name(action.kind), action.microbatch);
  return schedule.chunks > 1 ? fmt::format("{}{}", action.stage, word) : word;
}

/// The width of a column in time: the shortest compute action.
double unitOf(const Schedule &schedule, const Simulation &simulation) {
  double unit = simulation.makespan;
  for (size_t r = 0; r < schedule.actions.size(); ++r)
    for (size_t i = 0; i < schedule.actions[r].size(); ++i) {
      double length = simulation.end[r][i] - simulation.start[r][i];
      if (isCompute(schedule.actions[r][i].kind) && length > 0)
        unit = std::min(unit, length);
    }
  return unit;
}

} // namespace

std::string drawText(const Schedule &schedule, const Simulation &simulation, size_t width,
                     bool &isCut) {
  isCut = false;
  size_t longest = 2;
  for (const std::vector<Action> &list : schedule.actions)
    for (const Action &action : list)
      if (isCompute(action.kind))
        longest = std::max(longest, wordOf(schedule, action).size());
  double unit = unitOf(schedule, simulation);
  size_t columns = std::max<size_t>(width / (longest + 1), 1);
  // Also where an action takes no time at all, or a trillionth of the makespan.
  double wanted = unit > 0 ? std::ceil(simulation.makespan / unit - 1e-9) : 0;
  isCut = wanted > static_cast<double>(columns);
  columns = isCut ? columns : static_cast<size_t>(wanted);
  std::string out;
  for (size_t r = 0; r < schedule.actions.size(); ++r) {
    std::vector<std::string> cells(columns, ".");
    for (size_t i = 0; i < schedule.actions[r].size(); ++i) {
      const Action &action = schedule.actions[r][i];
      if (!isCompute(action.kind) || unit <= 0)
        continue;
      double first = std::round(simulation.start[r][i] / unit),
             last = std::max(first + 1, std::round(simulation.end[r][i] / unit));
      for (double c = first; c < last && c < static_cast<double>(columns); ++c) {
        std::string &cell = cells[static_cast<size_t>(c)];
        // The two of an overlapped pair share their columns in turn.
        if (cell == "." || (static_cast<size_t>(c - first) % 2 == 1))
          cell = wordOf(schedule, action);
      }
    }
    out += fmt::format("rank {:>3} ", r);
    for (const std::string &cell : cells)
      fmt::format_to(std::back_inserter(out), " {:<{}}", cell, longest);
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

} // namespace recast::schedule
