// Small schedules for tests, from the texts of their cells: also such as no reader lets through.
#pragma once

#include "compiler/Schedule/ActionText.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>

namespace recast::schedule {

/// Lists of cells with blanks between, one text per rank; everything else follows from them. A
/// stage belongs to the rank that has it first, one that no rank has to rank 0.
inline Schedule fromTexts(const std::vector<std::string> &texts) {
  Schedule out;
  out.ranks = static_cast<int32_t>(texts.size());
  for (const std::string &text : texts) {
    std::stringstream cells(text);
    out.actions.emplace_back();
    for (std::string cell; cells >> cell;) {
      auto parsed = parseCell(cell, out.actions.back());
      EXPECT_TRUE(parsed) << cell;
    }
  }
  int32_t stages = 0;
  for (const auto &list : out.actions)
    for (const Action &action : list) {
      stages = std::max(stages, action.stage + 1);
      out.microbatches = std::max(out.microbatches, action.microbatch + 1);
    }
  out.rankOf.assign(static_cast<size_t>(stages), -1);
  for (size_t r = 0; r < out.actions.size(); ++r)
    for (const Action &action : out.actions[r])
      if (int32_t &rank = out.rankOf[static_cast<size_t>(action.stage)]; rank < 0)
        rank = static_cast<int32_t>(r);
  std::ranges::replace(out.rankOf, -1, 0);
  return out;
}

} // namespace recast::schedule
