// The columns of members in an artifact of format 1.5: each column of each family is arithmetic
// runs, or its values one by one where those are shorter.
#pragma once

#include "runtime/plan/MemberRuns.h"
#include "runtime/plan/Plan.h"
#include "runtime/plan/Sections.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace recast::plan {

/// How one column of a family lies in the file: as so many runs, or (0) as values.
struct ColumnCode {
  uint32_t runs = 0, period = 0;
  bool operator==(const ColumnCode &) const = default;
};

/// What the writer makes of the members of a plan.
struct MemberColumns {
  /// One list per family, one code per column in the order of forEachMemberColumn; none if all
  /// columns of the family are values.
  std::vector<std::vector<ColumnCode>> codes;
  /// Bytes by Column, those of members only. Values and runs of one column of one family lie side
  /// by side.
  std::array<std::string, kColumnCount> bytes;
};

/// A function of the plan alone. Needs the input and output rows of all members.
MemberColumns encodeMembers(const Plan &plan);

/// Most rows (a member, an input or an output of one) of a plan with runs that has so many strings
/// and so many bytes of member columns. Few runs can say very many members, so a small file could
/// ask for any amount of memory; but tensors have names, so real plans stay far below. The writer
/// makes no runs where they would say more.
inline uint64_t maxRowsOfRuns(uint64_t strings, uint64_t bytes) {
  constexpr uint64_t kMost = uint64_t{1} << 26;
  return std::min(kMost, 1024 + 64 * std::min(strings, kMost) + 8 * std::min(bytes, kMost));
}
inline uint64_t memberRows(const Family &family, uint64_t members) {
  return members * (1 + family.inputs.size() + family.outputs.size());
}
inline size_t memberColumnCount(const Family &family) {
  return 1 + 4 * family.inputs.size() + 3 * family.outputs.size();
}

/// Calls `visit(Column, at)` for each column of the members of a (const) family, in the order of
/// the format; `at(m)` is the value of member m, a reference to a uint32_t or int64_t.
template <typename AnyFamily, typename Visit>
void forEachMemberColumn(AnyFamily &family, Visit visit) {
  visit(Column::MemberName, [&](size_t m) -> auto & { return family.memberNames[m]; });
  size_t inputs = family.inputs.size(), outputs = family.outputs.size();
  for (size_t i = 0; i < inputs; ++i) {
    auto row = [&family, i, inputs](size_t m) -> auto & {
      return family.memberInputs[m * inputs + i];
    };
    visit(Column::InputStore, [&](size_t m) -> auto & { return row(m).store; });
    visit(Column::InputStart, [&](size_t m) -> auto & { return row(m).start; });
    visit(Column::InputTotal, [&](size_t m) -> auto & { return row(m).groupTotal; });
    visit(Column::InputPart, [&](size_t m) -> auto & { return row(m).part; });
  }
  for (size_t i = 0; i < outputs; ++i) {
    auto row = [&family, i, outputs](size_t m) -> auto & {
      return family.memberOutputs[m * outputs + i];
    };
    visit(Column::OutputName, [&](size_t m) -> auto & { return row(m).name; });
    visit(Column::OutputRole, [&](size_t m) -> auto & { return row(m).role; });
    visit(Column::OutputPart, [&](size_t m) -> auto & { return row(m).part; });
  }
}

} // namespace recast::plan
