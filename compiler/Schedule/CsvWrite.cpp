#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Csv.h"

#include <fmt/format.h>

namespace recast::schedule {
namespace {

Status checkWritable(const Schedule &schedule) {
  auto refuse = [](std::string why) {
    return fail(Error(Code::Usage, std::move(why))
                    .hint("Write it as json, which says optimizer steps and weight versions."));
  };
  for (const std::vector<Action> &list : schedule.actions)
    for (const Action &action : list)
      if (action.kind >= ActionKind::OptimizerStep)
        return refuse(
            fmt::format("PyTorch's CSV has no '{}': it has no optimizer steps and no weight "
                        "versions",
                        str(action)));
  if (schedule.isAsynchronous())
    return refuse(fmt::format("PyTorch's CSV has no optimizer steps: it cannot say that weights "
                              "change after every {} of {} microbatches",
                              schedule.updateEvery, schedule.microbatches));
  return {};
}

/// The actions of a cell stand in one column, to the right of the cell before.
Status checkColumns(const Schedule &schedule, const Columns &columns) {
  if (columns.size() != schedule.actions.size())
    return usage(fmt::format("columns for {} ranks, not {}", columns.size(), schedule.ranks));
  for (size_t r = 0; r < columns.size(); ++r) {
    if (columns[r].size() != schedule.actions[r].size())
      return usage(fmt::format("rank {}: columns for {} actions, not {}", r, columns[r].size(),
                               schedule.actions[r].size()));
    int32_t before = -1;
    for (size_t i = 0; i < columns[r].size(); ++i) {
      bool isSecond = i > 0 && schedule.actions[r][i - 1].overlapsNext;
      if (isSecond ? columns[r][i] != before : columns[r][i] <= before)
        return usage(fmt::format("rank {}: '{}' in column {}, after column {}", r,
                                 str(schedule.actions[r][i]), columns[r][i], before));
      before = columns[r][i];
    }
  }
  return {};
}

} // namespace

Result<std::string> toCsv(const Schedule &schedule, const Columns *columns) {
  RECAST_TRY(checkWritable(schedule));
  if (columns)
    RECAST_TRY(checkColumns(schedule, *columns));
  std::string out;
  for (size_t r = 0; r < schedule.actions.size(); ++r) {
    const std::vector<Action> &list = schedule.actions[r];
    int32_t column = 0;
    for (size_t i = 0; i < list.size(); ++column) {
      if (column > 0)
        out += ',';
      if (!columns || (*columns)[r][i] == column)
        out += cellText(list, i);
    }
    out += "\r\n";
  }
  return out;
}

} // namespace recast::schedule
